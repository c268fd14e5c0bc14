"""Runs: what each is told, and what is left of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from inspect import Parameter, signature
from itertools import accumulate, product
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from recipes_lib.data.splits import Splits
from recipes_lib.given import check_seed, plain
from recipes_lib.plan import Loss
from recipes_lib.train import evaluate

if TYPE_CHECKING:
    import pandas as pd

Run = dict[str, Any]
# Weights and buffers by name, "metrics" (epochs, 3), "step_losses" (num_steps,); each led by K
# where K runs are.
Trained = dict[str, Tensor]
# Called without an argument, or, where it needs one, with the seed of the run.
MakeNet = Callable[..., nn.Module]


def grid(**values: Iterable[Any]) -> list[Run]:
    """Return every combination: `grid(lr=[0.1, 1.0], seed=range(8))` gives 16 runs.

    Scalars of NumPy and torch become Python's own. Raises `ValueError` for values that are no list.
    """
    for name, given in values.items():
        single = isinstance(given, str) or getattr(given, "ndim", None) == 0
        if single or not isinstance(given, Iterable):
            raise ValueError(f"{name} is {given!r}; give a list of values, as {name}=[{given!r}]")
    columns = [map(plain, given) for given in values.values()]
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*columns)]


def seed_of(run: Run) -> int:
    """Return the seed of a run, by default 0. Raises `ValueError` for what is none."""
    return check_seed(plain(run.get("seed", 0)))


def seeded_net(make_net: MakeNet, seed: int) -> nn.Module:
    """Make a net with the initial weights that belong to a seed."""
    torch.manual_seed(seed)
    return net_of(make_net, seed)


def net_of(make_net: MakeNet, seed: int) -> nn.Module:
    """Call `make_net`, with the seed where it has a parameter without a default."""
    places = Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD
    needed = [
        parameter
        for parameter in signature(make_net).parameters.values()
        if parameter.kind in places and parameter.default is Parameter.empty
    ]
    return make_net(seed) if needed else make_net()


def joined(sweeps: "Sequence[Runs]") -> "Runs":
    """Return several sweeps of one kind of net as one, their runs in order.

    For what `fit_many` takes once for all runs, such as an augmentation, where settings differ in
    it. Raises `ValueError` where the numbers of steps differ.

    >>> joined([fit_many(make_net, splits, runs, augment=one, **how) for one in augments])
    """
    import pandas as pd

    if len({sweep.step_losses.shape[1] for sweep in sweeps}) != 1:
        raise ValueError("sweeps took different numbers of steps; join those of one length")
    first, starts = sweeps[0], [0, *accumulate(len(sweep.runs) for sweep in sweeps)]
    tables = [
        sweep.table.assign(run=sweep.table.run + start)
        for sweep, start in zip(sweeps, starts, strict=False)
    ]
    weights = {name: torch.cat([sweep.weights[name] for sweep in sweeps]) for name in first.weights}
    return replace(
        first,
        table=pd.concat(tables, ignore_index=True),
        step_losses=torch.cat([sweep.step_losses for sweep in sweeps]),
        runs=[run for sweep in sweeps for run in sweep.runs],
        weights=weights,
    )


@dataclass(frozen=True)
class Runs:
    """Finished runs: `table` has a row per run and epoch; `strategy` says how they were trained,
    and why so. `weights` are weights and buffers by name, each led by a row a run.
    """

    table: "pd.DataFrame"
    step_losses: Tensor
    strategy: str
    runs: Sequence[Run]
    weights: dict[str, Tensor]
    make_net: MakeNet
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
        """Return the run of highest validation accuracy; of equals, of lowest validation loss."""
        ranked = self.last.sort_values(
            ["valid_accuracy", "valid_loss"], ascending=[False, True], kind="stable"
        )
        return int(ranked.run.iloc[0])

    def at(self, rows: Iterable[int]) -> "Runs":
        """Return these runs alone, in this order."""
        import pandas as pd

        chosen = [int(row) for row in rows]
        epochs = dict(iter(self.table.groupby("run")))
        parts = [epochs[row].assign(run=run) for run, row in enumerate(chosen)]
        index = torch.tensor(chosen, device=self.step_losses.device)
        return replace(
            self,
            table=pd.concat(parts, ignore_index=True),
            step_losses=self.step_losses[index],
            runs=[self.runs[row] for row in chosen],
            weights={name: weight[index] for name, weight in self.weights.items()},
        )

    def best_of(self, count: int) -> "Runs":
        """Keep one of each `count` runs in a row: that of lowest validation loss at the end.

        For a setting that each net chooses by itself.

        >>> fit_many(make_net, splits, grid(seed=range(8), lr=[0.1, 1.0]), **how).best_of(2)
        """
        losses = self.last.valid_loss.fillna(torch.inf).to_numpy().reshape(-1, count)
        return self.at(count * row + best for row, best in enumerate(losses.argmin(axis=1)))

    def net(self, run: int) -> nn.Module:
        """Return a net with that run's weights, on their device."""
        net = net_of(self.make_net, seed_of(self.runs[run]))
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
