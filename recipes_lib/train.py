"""Train one net: a plain loop one can read aloud."""

from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    import pandas as pd

from recipes_lib.checks import check_data, check_images, check_labels, check_net, check_settings
from recipes_lib.data.augment import Augment
from recipes_lib.data.splits import Split, Splits, batches
from recipes_lib.given import check_seed
from recipes_lib.hardware import keep_memory
from recipes_lib.optim.rules import Rule, rule
from recipes_lib.optim.schedules import Schedule
from recipes_lib.optim.stock import set_rate, stock_optimizer
from recipes_lib.plan import LayerFactor, Loss, Observer, plan, score_of
from recipes_lib.progress import progress

METRICS = ("train_loss", "valid_loss", "valid_accuracy")


@dataclass(frozen=True)
class History:
    """What training left: `METRICS` of each epoch (num_epochs, 3), and the training loss of each
    step (num_steps,).
    """

    metrics: Tensor
    step_losses: Tensor

    @property
    def table(self) -> "pd.DataFrame":
        """One row per epoch."""
        import pandas as pd

        rows = [(epoch, *row) for epoch, row in enumerate(self.metrics.tolist(), 1)]
        return pd.DataFrame(rows, columns=("epoch", *METRICS))


def fit(
    net: nn.Module,
    splits: Splits,
    *,
    num_epochs: int | None = None,
    num_steps: int | None = None,
    batch_size: int,
    optimizer: str | Rule = "sgd",
    schedule: Schedule | None = None,
    layer_factor: LayerFactor | None = None,
    loss: Loss = F.cross_entropy,
    label_smoothing: float = 0.0,
    augment: Augment | None = None,
    after_step: Observer | None = None,
    after_epoch: Observer | None = None,
    seed: int = 0,
    **hyperparameters: float,
) -> History:
    """Train `net` in place on `splits.train`, and score it on `splits.valid` after each epoch.

    Give `num_epochs` or `num_steps`: then training goes on over reshuffled epochs, the last of
    which may end early. The rate at a step is `lr` times `schedule(step, num_steps)`, and for the
    weights called `name` times `layer_factor(name, step, num_steps)`: a factor of 0 freezes them,
    decay included, while their momentum goes on. Steps count from 0, epochs from 1.

    `augment` maps each batch (x, y). The training loss is `loss(outputs, y)`, or `loss(outputs, y,
    targets)` where `splits.train` has targets; scores are then cross-entropy on y. `seed` draws
    the batch order. Names and defaults of `hyperparameters` are torch's, with `beta1` and `beta2`
    for `betas`.

    `after_step(step, runs, weights)` and `after_epoch(epoch, runs, weights)` see the state_dict,
    each entry (1, …), of the runs [0]; as in `fit_many`, what they keep they must copy, and what
    they write into it training goes on from. Raises `ValueError` for what cannot be trained.

    >>> fit(net, splits, num_steps=100, batch_size=64, lr=0.1, schedule=schedules.cosine())
    """
    order = check_seed(seed)
    check_settings(num_epochs, num_steps, batch_size, optimizer, hyperparameters, label_smoothing)
    check_data(splits, batch_size, loss)
    course = plan(splits.train, batch_size, num_epochs, num_steps, schedule, layer_factor)
    keep_memory()
    _lay_out(net, splits.train.x)
    check_net(net, splits, course, batch_size, loss)
    named = {name: weight for name, weight in net.named_parameters() if weight.requires_grad}
    # Without factors one group of all weights will do: a fused update then is a single kernel.
    apart = layer_factor is not None
    stepper = stock_optimizer(named.values(), rule(optimizer), hyperparameters, apart=apart)
    pace = enumerate(zip(course.factors, course.layers(named if apart else ()), strict=True))
    train_loss = partial(loss, label_smoothing=label_smoothing) if label_smoothing else loss
    valid_loss = score_of(loss, splits.train)
    generator = torch.Generator().manual_seed(order)
    step_losses: list[Tensor] = []
    metrics = []
    for epoch, length in enumerate(progress(course.epochs), 1):
        net.train()
        for x, y, *targets in islice(batches(splits.train, batch_size, generator), length):
            step, (factor, layers) = next(pace)
            set_rate(stepper, factor, layers)
            # Targets stay as they are: they belong to the image, not to what becomes of it.
            batch = (*(augment(x, y) if augment else (x, y)), *targets)
            step_losses.append(_step(net, train_loss, stepper, *batch))
            if after_step:
                after_step(step, [0], _state(net))
        mean = torch.stack(step_losses[-length:]).mean()
        metrics.append(
            torch.stack([mean, *_scores(_outputs(net, splits.valid), splits.valid.y, valid_loss)])
        )
        if after_epoch:
            after_epoch(epoch, [0], _state(net))
    return History(torch.stack(metrics), torch.stack(step_losses))


def _lay_out(net: nn.Module, x: Tensor) -> None:
    """Bring the net to its images, with the memory format that trains it fastest."""
    net.to(x.device)
    if has_convolutions(net) and x.is_cpu:
        net.to(memory_format=torch.channels_last)  # a third faster there


def _step(
    net: nn.Module, loss: Loss, stepper: torch.optim.Optimizer, x: Tensor, *truth: Tensor
) -> Tensor:
    """Update the net on a batch, and return its loss from before."""
    value = loss(net(x), *truth)
    value.backward()
    stepper.step()
    for group in stepper.param_groups:
        for weight in group["params"]:
            weight.grad = None  # `zero_grad` does this too, and takes seven times as long
    return value.detach()


def _state(net: nn.Module) -> dict[str, Tensor]:
    return {name: value[None] for name, value in net.state_dict().items()}


def evaluate(net: nn.Module, split: Split, loss: Loss = F.cross_entropy) -> tuple[float, float]:
    """Return the mean loss and the accuracy (0 … 1) of `net` in evaluation mode.

    Raises `ValueError` for images and labels that are not what `Split` says.
    """
    check_images(split)
    outputs = _outputs(net, split)
    if loss is F.cross_entropy:
        check_labels(split, "the labels", outputs.shape[1])
    value, accuracy = torch.stack(_scores(outputs, split.y, loss)).tolist()
    return value, accuracy


@torch.no_grad()
def _outputs(net: nn.Module, split: Split) -> Tensor:
    net.eval()
    # In parts, so that the activations of a large split fit in memory.
    return torch.cat([net(x) for x in split.x.split(1024)])


def _scores(outputs: Tensor, y: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
    return loss(outputs, y), (outputs.argmax(1) == y).to(outputs.dtype).mean()


def has_convolutions(net: nn.Module) -> bool:
    """Tell whether images pass through `nn.Conv2d`."""
    return any(isinstance(module, nn.Conv2d) for module in net.modules())
