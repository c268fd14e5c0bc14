"""Sweeps over what no stack can hold, such as the rate of a dropout layer or an augmentation."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from recipes_lib.sweep.runs import Run, Runs, joined

Fit = Callable[..., Runs]


def fit_parts(fit: Fit, runs: Sequence[Run], names: Sequence[str]) -> Runs:
    """Train runs that differ in `names`: `fit(part, **values)` once for each combination of theirs.

    A part's runs are without `names`. All nets need weights of the same names and shapes, and are
    afterwards remade by the first part's `make_net`: layers without weights, such as dropout, may
    differ.

    >>> def fit(runs, dropout):
    ...     return fit_many(partial(make_net, dropout), splits, runs, num_steps=100, batch_size=25)
    >>> fit_parts(fit, grid(dropout=[0.0, 0.5], lr=[0.1, 1.0]), ["dropout"])
    """
    groups: dict[tuple[Any, ...], list[int]] = {}
    for row, run in enumerate(runs):
        groups.setdefault(tuple(run[name] for name in names), []).append(row)
    parts = []
    for values, rows in groups.items():
        chosen = dict(zip(names, values, strict=True))
        own = [{k: v for k, v in runs[row].items() if k not in names} for row in rows]
        part = fit(own, **chosen)
        parts.append(replace(part, table=part.table.assign(**chosen)))
    order = torch.tensor([row for rows in groups.values() for row in rows]).argsort()
    return replace(joined(parts).at(order.tolist()), runs=list(runs))
