"""Train one net: a plain loop one can read aloud."""

import ctypes
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from multiprocessing import current_process
from numbers import Integral
from typing import TYPE_CHECKING, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

if TYPE_CHECKING:
    import pandas as pd

from recipes_lib.data.augment import Augment
from recipes_lib.data.splits import Split, Splits, batches
from recipes_lib.optim.rules import Rule, require, rule
from recipes_lib.optim.schedules import Schedule, constant
from recipes_lib.optim.stock import set_rate, stock_optimizer

Loss = Callable[..., Tensor]
Item = TypeVar("Item")
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
    num_epochs: int,
    batch_size: int,
    optimizer: str | Rule = "sgd",
    schedule: Schedule | None = None,
    loss: Loss = F.cross_entropy,
    label_smoothing: float = 0.0,
    augment: Augment | None = None,
    seed: int = 0,
    compiled: bool = False,
    **hyperparameters: float,
) -> History:
    """Train `net` in place on `splits.train`, and score it on `splits.valid` after each epoch.

    `schedule(step, num_steps)` is the factor on the rate `lr`; `augment` maps each batch (x, y);
    `seed` draws the batch order; `compiled` compiles the forward and backward pass. Names and
    defaults of `hyperparameters` are torch's, with `beta1` and `beta2` for `betas`. Raises
    `ValueError` for what cannot be trained.
    """
    check(num_epochs, batch_size, seed, optimizer, hyperparameters)
    check_data(splits, batch_size)
    keep_memory()
    net.to(splits.train.x.device)
    if has_convolutions(net) and splits.train.x.is_cpu:
        net.to(memory_format=torch.channels_last)  # a third faster there
    weights = list(net.parameters())
    stepper = stock_optimizer(weights, rule(optimizer), hyperparameters)
    smoothed = partial(loss, label_smoothing=label_smoothing) if label_smoothing else loss
    loss_of = torch.compile(_loss_of) if compiled else _loss_of
    factors = iter(
        schedule_factors(schedule, num_epochs * steps_per_epoch(splits.train, batch_size))
    )
    generator = torch.Generator().manual_seed(seed)
    step_losses, metrics = [], []
    for _ in progress(range(num_epochs)):
        net.train()
        epoch_losses = []
        for x, y in batches(splits.train, batch_size, generator):
            set_rate(stepper, next(factors))
            batch_loss = loss_of(net, smoothed, *(augment(x, y) if augment else (x, y)))
            batch_loss.backward()
            stepper.step()
            for weight in weights:
                weight.grad = None  # `zero_grad` does this too, and takes seven times as long
            epoch_losses.append(batch_loss.detach())
        step_losses += epoch_losses
        metrics.append(
            torch.stack([torch.stack(epoch_losses).mean(), *_scores(net, splits.valid, loss)])
        )
    return History(torch.stack(metrics), torch.stack(step_losses))


def evaluate(net: nn.Module, split: Split, loss: Loss = F.cross_entropy) -> tuple[float, float]:
    """Return the mean loss and the accuracy (0 … 1) of `net` in evaluation mode."""
    value, accuracy = torch.stack(_scores(net, split, loss)).tolist()
    return value, accuracy


@torch.no_grad()
def _scores(net: nn.Module, split: Split, loss: Loss) -> tuple[Tensor, Tensor]:
    net.eval()
    outputs = torch.cat([net(x) for x in split.x.split(1024)])
    return loss(outputs, split.y), (outputs.argmax(1) == split.y).to(outputs.dtype).mean()


def _loss_of(net: nn.Module, loss: Loss, x: Tensor, y: Tensor) -> Tensor:
    return loss(net(x), y)


def steps_per_epoch(train: Split, batch_size: int) -> int:
    """Count the batches of an epoch, the last of which takes what remains."""
    return -(-len(train) // batch_size)


def schedule_factors(schedule: Schedule | None, num_steps: int) -> list[float]:
    """Return the factor on the rate at each of the steps."""
    return [(schedule or constant())(step, num_steps) for step in range(num_steps)]


def has_convolutions(net: nn.Module) -> bool:
    """Tell whether images pass through `nn.Conv2d`."""
    return any(isinstance(module, nn.Conv2d) for module in net.modules())


def keep_memory() -> None:
    """Have glibc keep what it frees: a fresh page costs more time than the arithmetic on it."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(-1, 1 << 28)  # M_TRIM_THRESHOLD: give back from 256 MiB on
        mallopt(-3, 1 << 25)  # M_MMAP_THRESHOLD: at most 32 MiB from the heap, glibc's limit


def progress(items: Iterable[Item], total: int | None = None) -> "tqdm[Item]":
    """Draw a bar where a person watches: at a terminal, or at the keyboard of a notebook."""
    from IPython.core.getipython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    # A notebook with a person at it lets a cell ask for input; papermill, nbval and the like do
    # not.
    watched = sys.stderr.isatty() or getattr(kernel, "_allow_stdin", False)
    return tqdm(
        items,
        total=total,
        disable=not watched or current_process().name != "MainProcess",
        leave=False,
    )


def check(
    num_epochs: int,
    batch_size: int,
    seed: object,
    optimizer: str | Rule,
    hyperparameters: dict[str, float],
) -> None:
    """Raise `ValueError` for settings that cannot be trained with, before any training."""
    for what, value, least in (
        ("num_epochs", num_epochs, 1),
        ("batch_size", batch_size, 1),
        ("seed", seed, 0),
    ):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ValueError(f"{what} is {value!r}; give a whole number from {least}")
    require("hyperparameter", hyperparameters, rule(optimizer).defaults)
    # torch's own optimisers know which values make sense.
    stock_optimizer([torch.zeros(1, requires_grad=True)], rule(optimizer), hyperparameters)


def check_data(splits: Splits, batch_size: int) -> None:
    """Raise `ValueError` for data that cannot be trained on."""
    if batch_size > len(splits.train):
        raise ValueError(
            f"batch_size is {batch_size}; there are only {len(splits.train)} training images"
        )
    if min(len(splits.classes), len(splits.train.y.unique())) < 2:
        raise ValueError("the training images are all of one class; a classifier needs at least 2")
    shapes = [tuple(part.x.shape[1:]) for part in (splits.train, splits.valid)]
    if len(set(shapes)) > 1:
        raise ValueError(
            f"training and validation images differ in shape, {shapes}; bring both to one"
        )
