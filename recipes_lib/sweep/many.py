"""Train many nets as one tensor program: each with its own seed, rate, momentum, decay, smoothing,
batch order.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipes_lib.data.augment import Augment
from recipes_lib.data.splits import Splits
from recipes_lib.optim.rules import Rule, require, rule
from recipes_lib.optim.schedules import Schedule
from recipes_lib.sweep.kept import Kept, contents
from recipes_lib.sweep.mlp import chain_of
from recipes_lib.sweep.stack import Run, Trained, seed_of, seeded_net, train_stacked
from recipes_lib.sweep.workers import ENGINES, train_missing
from recipes_lib.train import (
    METRICS,
    Loss,
    check,
    check_data,
    evaluate,
    fit,
    has_convolutions,
    schedule_factors,
    steps_per_epoch,
)

if TYPE_CHECKING:
    import pandas as pd

STRATEGIES = ("auto", "stacked", "stacked-compiled", "sequential")
SMALL_CNN = 80_000  # operations an image: below it stacked nets train up to 2.5 times as fast, above it half as fast
COMPILING_PAYS = (
    50_000  # steps: compiling takes up to 26 s and saves about half a millisecond a step
)


def grid(**values: Iterable[Any]) -> list[Run]:
    """Return every combination: `grid(lr=[0.1, 1.0], seed=range(8))` gives 16 runs."""
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


@dataclass(frozen=True)
class Runs:
    """Finished runs: `table` has a row per run and epoch; `strategy` says how they were trained,
    and why so.
    """

    table: "pd.DataFrame"
    step_losses: Tensor
    strategy: str
    runs: Sequence[Run]
    weights: dict[str, Tensor]
    make_net: Callable[[], nn.Module]
    draw: Callable[[int], Splits]
    loss: Loss

    @property
    def last(self) -> "pd.DataFrame":
        """The rows of the last epoch, one per run."""
        return self.table.groupby("run", as_index=False).tail(1).reset_index(drop=True)

    @property
    def num_parameters(self) -> int:
        """Weights and buffers of each net."""
        return sum(value[0].numel() for value in self.weights.values())

    def best(self) -> int:
        """Return the run of highest validation accuracy; of equals, that of lowest validation loss."""
        ranked = self.last.sort_values(
            ["valid_accuracy", "valid_loss"], ascending=[False, True], kind="stable"
        )
        return int(ranked.run.iloc[0])

    def net(self, run: int) -> nn.Module:
        """Return a net with that run's weights, on their device."""
        net = self.make_net()
        net.load_state_dict({name: value[run] for name, value in self.weights.items()})
        return net.to(self.step_losses.device)

    def test(self, runs: Iterable[int] | None = None) -> "pd.DataFrame":
        """Return `test_loss` and `test_accuracy` of these runs, or of all; only this looks at test
        data.
        """
        import pandas as pd

        chosen = range(len(self.runs)) if runs is None else list(runs)
        parts = {seed: self.draw(seed).test for seed in {seed_of(self.runs[run]) for run in chosen}}
        scores = [
            evaluate(self.net(run), parts[seed_of(self.runs[run])], self.loss) for run in chosen
        ]
        rows = [{"run": run, **self.runs[run]} for run in chosen]
        return pd.DataFrame(rows).join(pd.DataFrame(scores, columns=["test_loss", "test_accuracy"]))


def fit_many(
    make_net: Callable[[], nn.Module],
    splits: Splits | Callable[[int], Splits],
    runs: Sequence[Run],
    *,
    num_epochs: int,
    batch_size: int,
    optimizer: str | Rule = "sgd",
    schedule: Schedule | None = None,
    loss: Loss = F.cross_entropy,
    augment: Augment | None = None,
    strategy: str = "auto",
    engine: str = "here",
    num_workers: int | None = None,
    checkpoint: str | Path | None = None,
) -> Runs:
    """Train a net for each run, as `fit` trains it alone after `torch.manual_seed(seed); net =
    make_net()`.

    A run names its hyperparameters, `seed` and `label_smoothing`; `splits` may draw new ones for
    each seed. `strategy` is one of `STRATEGIES`; `engine` is "here", "processes" or "ray" (the
    cluster of `RAY_ADDRESS`, else one on this machine), with `num_workers` (default: one a core).
    Runs that the folder `checkpoint` holds are not trained again. Only the random draws of dropout
    and of `augment` differ between stacked and lone runs. Raises `ValueError` for what cannot be
    trained.
    """
    draw = (lambda seed: splits) if isinstance(splits, Splits) else splits
    require("strategy", [strategy], STRATEGIES)
    require("engine", [engine], ENGINES)
    how: dict[str, Any] = {
        "num_epochs": num_epochs,
        "batch_size": batch_size,
        "optimizer": rule(optimizer),
    }
    drawn = _draw_and_check(draw, runs, **how)
    first, net = next(iter(drawn.values())).train, make_net()
    factors = schedule_factors(schedule, num_epochs * steps_per_epoch(first, batch_size))
    chosen, why = _choose(strategy, net, how["optimizer"], len(runs), len(factors), first.x[:1])
    trainer = (
        _one_by_one
        if chosen == "sequential"
        else partial(train_stacked, compiled=chosen == "stacked-compiled")
    )
    train = partial(trainer, make_net, **how, schedule=schedule, loss=loss, augment=augment)
    kept = Kept()
    if checkpoint:
        data = {seed: contents(splits) for seed, splits in drawn.items()}
        texts = [
            f"{net} {how} {factors} {loss} {augment} {run} {data[seed_of(run)]}" for run in runs
        ]
        kept.load(Path(checkpoint), texts, first.x.device)
    workers = 1 if engine == "here" else num_workers or os.cpu_count() or 1
    train_missing(
        train, drawn, runs, kept, engine=engine, workers=workers, alone=chosen == "sequential"
    )
    trained = _stack([kept[run] for run in range(len(runs))])
    table, step_losses = _tidy(runs, trained.pop("metrics")), trained.pop("step_losses")
    return Runs(table, step_losses, f"{chosen}: {why}", runs, trained, make_net, draw, loss)


def _stack(runs: Sequence[Trained]) -> Trained:
    return {name: torch.stack([run[name] for run in runs]) for name in runs[0]}


def _draw_and_check(
    draw: Callable[[int], Splits], runs: Sequence[Run], **how: Any
) -> dict[int, Splits]:
    if not runs:
        raise ValueError("runs is empty; give at least one, as grid(lr=[0.1]) does")
    drawn: dict[int, Splits] = {}
    for run in runs:
        hyperparameters = {
            name: value for name, value in run.items() if name not in ("seed", "label_smoothing")
        }
        check(seed=seed_of(run), hyperparameters=hyperparameters, **how)
        drawn[seed_of(run)] = drawn.get(seed_of(run)) or draw(seed_of(run))
    for splits in drawn.values():
        check_data(splits, how["batch_size"])
    if len({(len(splits.train), len(splits.valid)) for splits in drawn.values()}) > 1:
        raise ValueError("the splits of some seeds differ in size; draw all in one size")
    return drawn


def _choose(
    strategy: str, net: nn.Module, optimizer: Rule, num_runs: int, num_steps: int, image: Tensor
) -> tuple[str, str]:
    recurrent = any(isinstance(module, nn.RNNBase) for module in net.modules())
    alone = (
        "nn.LSTM, nn.GRU and nn.RNN" if recurrent else "muon" if optimizer.update is None else ""
    )
    if alone and strategy.startswith("stacked"):
        raise ValueError(f"strategy {strategy!r} has no rule for {alone}; use 'sequential'")
    if strategy != "auto":
        return strategy, "as told"
    if alone:
        return "sequential", f"{alone} cannot be stacked"
    if num_runs == 1:
        return "sequential", "there is one run"
    if has_convolutions(net) and image.is_cpu and _operations(net, image) > SMALL_CNN:
        return "sequential", "a processor convolves faster net by net, channels last"
    # On a processor, what `chain` writes out by hand is no faster compiled.
    if num_steps >= COMPILING_PAYS and (
        image.is_cuda or (shutil.which("c++") and not chain_of(net))
    ):
        return "stacked-compiled", f"{num_steps} steps repay compiling"
    return (
        "stacked",
        f"{num_runs} nets share each kernel, and {num_steps} steps would not repay compiling",
    )


def _operations(net: nn.Module, image: Tensor) -> int:
    """Count the additions and multiplications for one image (1, C, H, W)."""
    from torch.utils.flop_counter import FlopCounterMode  # it brings Triton along

    net = net.to(image.device).eval()  # in training, BatchNorm refuses a single image
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(image)
    return int(counter.get_total_flops())


def _tidy(runs: Sequence[Run], metrics: Tensor) -> "pd.DataFrame":
    import pandas as pd

    rows = [
        {"run": index, **run, "epoch": epoch, **dict(zip(METRICS, values, strict=True))}
        for index, (run, epochs) in enumerate(zip(runs, metrics.tolist(), strict=True))
        for epoch, values in enumerate(epochs, 1)
    ]
    return pd.DataFrame(rows)


def _one_by_one(
    make_net: Callable[[], nn.Module], drawn: dict[int, Splits], runs: Sequence[Run], **how: Any
) -> Trained:
    trained = []
    for run in runs:
        net = seeded_net(make_net, seed_of(run))
        history = fit(net, drawn[seed_of(run)], **how, **run)
        trained.append({**net.state_dict(), **vars(history)})
    return _stack(trained)
