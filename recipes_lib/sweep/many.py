"""Train many nets at once, each with its own seed, rate, momentum, decay, smoothing and order."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from recipes_lib.checks import check_data, check_net, check_settings
from recipes_lib.data.augment import Augment
from recipes_lib.data.splits import Splits
from recipes_lib.given import plain, whole
from recipes_lib.names import require
from recipes_lib.optim.rules import Rule, rule
from recipes_lib.optim.schedules import Schedule
from recipes_lib.plan import LayerFactor, Loss, Observer, plan, score_of
from recipes_lib.sweep.runs import MakeNet, Run, Runs, Trained, seed_of, seeded_net
from recipes_lib.sweep.stacked import train_stacked
from recipes_lib.sweep.strategy import STRATEGIES, choose
from recipes_lib.sweep.workers import ENGINES, train_all
from recipes_lib.train import METRICS, fit

if TYPE_CHECKING:
    import pandas as pd

Arguments = dict[str, Any]


def fit_many(
    make_net: MakeNet,
    splits: Splits | Callable[[int], Splits],
    runs: Sequence[Run],
    *,
    num_epochs: int | None = None,
    num_steps: int | None = None,
    batch_size: int,
    optimizer: str | Rule = "sgd",
    schedule: Schedule | None = None,
    layer_factor: LayerFactor | None = None,
    loss: Loss = F.cross_entropy,
    augment: Augment | None = None,
    after_step: Observer | None = None,
    after_epoch: Observer | None = None,
    strategy: str = "auto",
    engine: str = "here",
    num_workers: int | None = None,
) -> Runs:
    """Train a net for each run, as `fit` trains it alone after `torch.manual_seed(seed); net =
    make_net()`, and with the same arguments.

    A run names its hyperparameters, `seed` and `label_smoothing`; `splits` may draw new ones for
    each seed. A `make_net` that needs an argument is given the seed: torch is seeded with it
    already, so what must be independent of the initial weights needs a generator of its own.

    `after_step(step, runs, weights)` and `after_epoch(epoch, runs, weights)` see the weights and
    buffers by name, (K, …), of the K runs that are numbered in `runs`. They are those in training:
    copy what you keep; what you write into them, such as zeros, training goes on from. A sweep is
    trained in parts where it is large, or not stacked, and then each part is seen from its first
    step to its last.

    `strategy` is one of `STRATEGIES`; `engine` is "here", "processes" or "ray" (the cluster of
    `RAY_ADDRESS`, else one on this machine), with `num_workers` (default: one a core). Only the
    random draws of dropout and of `augment` differ between stacked and lone runs. Raises
    `ValueError` for what cannot be trained.

    >>> runs = fit_many(make_net, splits, grid(lr=[0.1, 1.0]), num_steps=100, batch_size=64)
    """
    draw = (lambda seed: splits) if isinstance(splits, Splits) else splits
    require("strategy", [strategy], STRATEGIES)
    require("engine", [engine], ENGINES)
    if num_workers is not None:
        whole("num_workers", num_workers)
    if engine != "here" and (after_step or after_epoch):
        raise ValueError(f"engine {engine!r} observes in other processes; use 'here' to observe")
    kind = rule(optimizer)
    length: Arguments = {
        "num_epochs": num_epochs,
        "num_steps": num_steps,
        "batch_size": whole("batch_size", batch_size),
    }
    runs = _plain(runs)
    # Bad data and settings are refused here, before the first step of any run.
    drawn = _draw_and_check(draw, runs, loss, optimizer=kind, **length)
    train = drawn[seed_of(runs[0])].train
    pace: Arguments = {**length, "schedule": schedule, "layer_factor": layer_factor}
    # A net that is thrown away, to see what kind it is.
    course, net = plan(train, **pace), seeded_net(make_net, seed_of(runs[0])).to(train.x.device)
    check_net(net, drawn[seed_of(runs[0])], course, batch_size, loss)
    chosen, why = choose(strategy, net, kind, len(runs), len(course.factors), train.x[:1])
    how: Arguments = {**pace, "optimizer": kind, "loss": loss, "augment": augment}
    how |= {"after_step": after_step, "after_epoch": after_epoch}
    work = partial(_trainer(chosen), make_net, **how)
    # Parts may go to other processes, so what they are told is data and functions alone.
    workers = 1 if engine == "here" else num_workers or os.cpu_count() or 1
    alone = chosen == "sequential"
    trained = _stack(train_all(work, drawn, runs, engine=engine, workers=workers, alone=alone))
    table, step_losses = _tidy(runs, trained.pop("metrics")), trained.pop("step_losses")
    scored, told = score_of(loss, train), f"{chosen}: {why}"
    return Runs(table, step_losses, told, runs, trained, make_net, draw, scored)


def _trainer(chosen: str) -> Callable[..., Trained]:
    if chosen == "sequential":
        return _one_by_one
    return partial(train_stacked, compiled=chosen == "stacked-compiled")


def _stack(runs: Sequence[Trained]) -> Trained:
    return {name: torch.stack([run[name] for run in runs]) for name in runs[0]}


def _plain(runs: Sequence[Run]) -> list[Run]:
    """Return the runs with Python's own numbers. Raises `ValueError` where there are none."""
    if odd := [run for run in runs if not isinstance(run, Mapping)]:
        raise ValueError(f"a run is {odd[0]!r}; give a dict each, as grid(lr=[0.1]) does")
    if not len(runs):
        raise ValueError("runs is empty; give at least one, as grid(lr=[0.1]) does")
    return [{name: plain(value) for name, value in run.items()} for run in runs]


def _draw_and_check(
    draw: Callable[[int], Splits], runs: Sequence[Run], loss: Loss, **how: Any
) -> dict[int, Splits]:
    drawn: dict[int, Splits] = {}
    for run in runs:
        own = {name: value for name, value in run.items() if name != "seed"}
        smoothing = own.pop("label_smoothing", 0.0)
        check_settings(hyperparameters=own, label_smoothing=smoothing, **how)
        seed = seed_of(run)  # runs of one seed share its splits, which are drawn once
        drawn[seed] = drawn.get(seed) or draw(seed)
    for splits in drawn.values():
        check_data(splits, how["batch_size"], loss)
    if len({(len(splits.train), len(splits.valid)) for splits in drawn.values()}) > 1:
        raise ValueError("the splits of some seeds differ in size; draw all in one size")
    if len({splits.train.targets is None for splits in drawn.values()}) > 1:
        raise ValueError("the splits of some seeds have no targets; give targets to all or none")
    return drawn


def _tidy(runs: Sequence[Run], metrics: Tensor) -> "pd.DataFrame":
    import pandas as pd

    rows = [
        {"run": index, **run, "epoch": epoch, **dict(zip(METRICS, values, strict=True))}
        for index, (run, epochs) in enumerate(zip(runs, metrics.tolist(), strict=True))
        for epoch, values in enumerate(epochs, 1)
    ]
    return pd.DataFrame(rows)


def _one_by_one(
    make_net: MakeNet,
    drawn: dict[int, Splits],
    runs: Sequence[Run],
    rows: Sequence[int],
    *,
    after_step: Observer | None,
    after_epoch: Observer | None,
    **how: Any,
) -> Trained:
    trained = []
    for row, run in zip(rows, runs, strict=True):
        net = seeded_net(make_net, seed_of(run))
        how |= {"after_step": _at(row, after_step), "after_epoch": _at(row, after_epoch)}
        history = fit(net, drawn[seed_of(run)], **how, **run)
        trained.append({**net.state_dict(), **vars(history)})
    return _stack(trained)


def _at(row: int, observer: Observer | None) -> Observer | None:
    """Tell an observer which run of the sweep it sees."""
    return observer and (lambda step, _, weights: observer(step, [row], weights))
