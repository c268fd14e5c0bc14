"""Several searches as one: a rival that may be any of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np

from recipes_lib.evidence.tuning import Run, Tuned


@dataclass(frozen=True)
class _Several(Tuned):
    """A choice among sides whose settings have different names."""

    @property
    def edges(self) -> tuple[str, ...]:
        """Those of the chosen side's own search."""
        return self._winner.edges

    @property
    def _winner(self) -> Tuned:
        winner: Tuned = self.train.args[0]  # type: ignore[attr-defined]
        return winner


def best_of(sides: Mapping[str, Tuned]) -> Tuned:
    """Make one search of several by the same metric, in which the side is one more setting.

    For a rival that may be any of them, such as the best single regularizer. Raises `ValueError`
    for sides that were chosen by another metric or on other replicates.

    >>> best_of({"L2": l2, "dropout": dropout}).best["side"]
    """
    first, *others = sides.values()
    alike = ("metric", "tuning_seeds", "fresh_seeds", "draws")
    if any(getattr(one, name) != getattr(first, name) for one in others for name in alike):
        raise ValueError("sides differ in metric or replicates; tune all by one, on the same")
    settings = [{"side": name, **own} for name, one in sides.items() for own in one.settings]
    scores = np.concatenate([one.scores for one in sides.values()])
    best = [one.scores[one.chosen].mean() for one in sides.values()]
    place = np.argmax(best) if first.metric.better == "higher" else np.argmin(best)
    winner = list(sides.values())[place]
    own = {field.name: getattr(winner, field.name) for field in fields(Tuned)}
    changes = {"settings": settings, "scores": scores, "train": partial(_train, winner)}
    return _Several(**own | changes)


def _train(winner: Tuned, runs: Sequence[Run]) -> Any:
    return winner.train([{k: v for k, v in run.items() if k != "side"} for run in runs])
