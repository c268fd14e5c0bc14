"""How long a net is trained and at which rates."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import torch.nn.functional as F
from torch import Tensor

from recipes_lib.data.splits import Split
from recipes_lib.optim.schedules import Schedule, constant

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
                _check_factor(f"layer_factor is {value!r} for {name!r}", value, step)
        return found


def plan(
    train: Split,
    batch_size: int,
    num_epochs: int | None,
    num_steps: int | None,
    schedule: Schedule | None,
    layer_factor: LayerFactor | None,
) -> Plan:
    """Lay out training on `train` for so many epochs, or for so many steps.

    Raises `ValueError` for a schedule whose factor is no finite number from 0.
    """
    whole = -(-len(train) // batch_size)  # the last batch of an epoch takes what remains
    total = whole * num_epochs if num_epochs else num_steps or 0
    epochs = [min(whole, total - done) for done in range(0, total, whole)]
    factors = [(schedule or constant())(step, total) for step in range(total)]
    for step, value in enumerate(factors):
        _check_factor(f"the schedule is {value!r}", value, step)
    return Plan(epochs, factors, layer_factor)


def _check_factor(what: str, value: object, step: int) -> None:
    if not isinstance(value, Real) or not 0 <= float(value) < math.inf:
        raise ValueError(f"{what} at step {step}; give a number from 0")


def score_of(loss: Loss, train: Split) -> Loss:
    """Return what scores are taken with: the loss, or cross-entropy where that wants targets."""
    return loss if train.targets is None else F.cross_entropy
