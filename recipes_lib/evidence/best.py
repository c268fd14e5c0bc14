"""Several searches as one: a rival that may be any of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from recipes_lib.evidence.tuning import Run, Tuned


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
    whole = replace(first, settings=settings, scores=scores)
    winner = sides[whole.best["side"]]
    return replace(whole, values=winner.values, runs=winner.runs, train=partial(_train, winner))


def _train(winner: Tuned, runs: Sequence[Run]) -> Any:
    return winner.train([{k: v for k, v in run.items() if k != "side"} for run in runs])
