"""How long a net is trained and at which rates, checked before anything starts."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral

import torch
import torch.nn.functional as F
from torch import Tensor

from recipes_lib.data.splits import Split, Splits
from recipes_lib.names import require
from recipes_lib.optim.rules import Rule, rule
from recipes_lib.optim.schedules import Schedule, constant
from recipes_lib.optim.stock import stock_optimizer

Loss = Callable[..., Tensor]
# (name of the weights, step, num_steps) to a factor on their rate.
LayerFactor = Callable[[str, int, int], float]
# (step or epoch, runs, weights by name, each led by one row a run).
Observer = Callable[[int, Sequence[int], Mapping[str, Tensor]], None]


@dataclass(frozen=True)
class Plan:
    """The steps of each epoch, of which the last may end early, and each step's factor on `lr`."""

    epochs: Sequence[int]
    factors: Sequence[float]
    layer_factor: LayerFactor | None = None

    def layers(self, names: Collection[str]) -> list[list[float]]:
        """Return the factors of the weights called `names` at each step, (num_steps, names).

        Raises `ValueError` for a factor that is no finite number from 0.
        """
        factor, num_steps = self.layer_factor or (lambda *_: 1.0), len(self.factors)
        found = [[factor(name, step, num_steps) for name in names] for step in range(num_steps)]
        for step, row in enumerate(found):
            for name, value in zip(names, row, strict=True):
                if not 0 <= value < math.inf:
                    where = f"{name!r} at step {step}"
                    raise ValueError(f"layer_factor is {value!r} for {where}; give a number from 0")
        return found


def plan(
    train: Split,
    batch_size: int,
    num_epochs: int | None,
    num_steps: int | None,
    schedule: Schedule | None,
    layer_factor: LayerFactor | None,
) -> Plan:
    """Lay out training on `train` for so many epochs, or for so many steps."""
    whole = -(-len(train) // batch_size)  # the last batch of an epoch takes what remains
    total = whole * num_epochs if num_epochs else num_steps or 0
    epochs = [min(whole, total - done) for done in range(0, total, whole)]
    factors = [(schedule or constant())(step, total) for step in range(total)]
    return Plan(epochs, factors, layer_factor)


def score_of(loss: Loss, train: Split) -> Loss:
    """Return what scores are taken with: the loss, or cross-entropy where that wants targets."""
    return loss if train.targets is None else F.cross_entropy


def check(
    num_epochs: int | None,
    num_steps: int | None,
    batch_size: int,
    optimizer: str | Rule,
    hyperparameters: dict[str, float],
) -> None:
    """Raise `ValueError` for settings that cannot be trained with, before any training."""
    if (num_epochs is None) == (num_steps is None):
        given = "neither" if num_epochs is None else "both"
        raise ValueError(f"{given} of num_epochs and num_steps is given; give exactly one")
    length = ("num_steps", num_steps) if num_epochs is None else ("num_epochs", num_epochs)
    for what, value in (length, ("batch_size", batch_size)):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{what} is {value!r}; give a whole number from 1")
    require("hyperparameter", hyperparameters, rule(optimizer).defaults)
    # torch's own optimizers know which values make sense.
    stock_optimizer([torch.zeros(1, requires_grad=True)], rule(optimizer), hyperparameters)


def check_data(splits: Splits, batch_size: int, loss: Loss) -> None:
    """Raise `ValueError` for data that cannot be trained on."""
    train, valid = splits.train, splits.valid
    if batch_size > len(train):
        raise ValueError(f"batch_size is {batch_size}; there are only {len(train)} training images")
    if min(len(splits.classes), len(train.y.unique())) < 2:
        raise ValueError("the training images are all of one class; a classifier needs at least 2")
    shapes = [tuple(part.x.shape[1:]) for part in (train, valid)]
    if len(set(shapes)) > 1:
        raise ValueError(
            f"training and validation images differ in shape, {shapes}; bring both to one"
        )
    if train.targets is not None and loss is F.cross_entropy:
        # It would take the targets for the weights of the classes.
        raise ValueError("the training images bring targets; give a loss(outputs, y, targets)")
