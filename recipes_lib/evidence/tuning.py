"""Choose settings on some replicates, measure the choice on others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Number
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import pandas as pd

Run = dict[str, Any]
Train = Callable[[list[Run]], Any]
Score = Callable[[Any], ArrayLike]


@dataclass(frozen=True)
class Metric:
    """A score a run: `valid` and `test` map what training returned to (runs,) values, which it
    may also return itself.

    Settings are chosen by `valid` on tuning replicates; `test` is what fresh ones report.
    """

    name: str
    better: Literal["higher", "lower"]
    valid: Score = np.asarray
    test: Score = np.asarray


def _last(column: str) -> Score:
    return lambda runs: runs.last[column].to_numpy()


def _tested(column: str) -> Score:
    return lambda runs: runs.test()[column].to_numpy()


METRICS = {
    "accuracy": Metric("accuracy", "higher", _last("valid_accuracy"), _tested("test_accuracy")),
    "loss": Metric("loss", "lower", _last("valid_loss"), _tested("test_loss")),
}


@dataclass(frozen=True)
class Tuned:
    """A side of a comparison at the setting that was best for it, or at a fixed one.

    `scores` (settings, tuning replicates) are what it was chosen by, `values` (fresh replicates,)
    what the choice was worth; `runs` is what training on the fresh replicates returned.
    """

    metric: Metric
    settings: Sequence[Run]
    scores: NDArray[np.float64]
    values: NDArray[np.float64]
    runs: Any
    train: Train
    tuning_seeds: Sequence[int]
    fresh_seeds: Sequence[int]
    draws: int = 1

    @cached_property
    def chosen(self) -> int:
        """Which setting: the best mean over the tuning replicates; one that is not finite loses."""
        if not self.searched:
            return 0
        worst = -np.inf if self.metric.better == "higher" else np.inf
        means = np.where(np.isfinite(self.scores), self.scores, worst).mean(axis=1)
        return int(means.argmax() if self.metric.better == "higher" else means.argmin())

    @property
    def best(self) -> Run:
        """The chosen setting."""
        return dict(self.settings[self.chosen])

    @property
    def searched(self) -> bool:
        """Whether there was a choice."""
        return self.scores.size > 0

    @property
    def edges(self) -> tuple[str, ...]:
        """The names whose chosen value is the lowest or the highest that was tried."""
        if not self.searched:
            return ()
        tried = {name: [run[name] for run in self.settings] for name in self.best}
        ordered = {
            name: values
            for name, values in tried.items()
            if len(set(values)) > 1 and all(isinstance(value, Number) for value in values)
        }
        return tuple(
            name
            for name, values in ordered.items()
            if self.best[name] in (min(values), max(values))
        )

    @property
    def test_ratio(self) -> float | None:
        """Test over training images of the pool that replicates split; None where it is unknown."""
        draw = getattr(self.runs, "draw", None)
        return draw(self.fresh_seeds[0]).test_ratio if draw else None

    @property
    def num_steps(self) -> int | None:
        """Steps of each run; None where training does not tell."""
        losses = getattr(self.runs, "step_losses", None)
        return None if losses is None else int(losses.shape[1])

    @property
    def num_parameters(self) -> int | None:
        """Weights of the net; None where training does not tell."""
        weights = getattr(self.runs, "num_parameters", None)
        return None if weights is None else int(weights)

    @property
    def table(self) -> "pd.DataFrame":
        """One row per setting, with its mean score on the tuning replicates."""
        import pandas as pd

        column = f"tuning {self.metric.name}"
        return pd.DataFrame(list(self.settings)).assign(**{column: self.scores.mean(axis=1)})

    def about(self) -> dict[str, Any]:
        """What a card says of this side."""
        return {
            "chosen": {name: _plain(value) for name, value in self.best.items()},
            "tried": len(self.settings) if self.searched else 0,
            "tuned on": len(self.tuning_seeds) // self.draws,
            "draws": self.draws,
            "by": self.metric.name,
            "edges": list(self.edges),
            "num_steps": self.num_steps,
            "num_parameters": self.num_parameters,
        }


def metric_named(by: str | Metric) -> Metric:
    """Look a metric up. Raises `ValueError` for an unknown name."""
    if isinstance(by, Metric):
        return by
    if by not in METRICS:
        raise ValueError(f"metric {by!r} is unknown; use one of {', '.join(METRICS)} or a Metric")
    return METRICS[by]


def tune(
    train: Train,
    settings: Sequence[Mapping[str, Any]],
    metric: Metric,
    tuning_seeds: Sequence[int],
    fresh_seeds: Sequence[int],
    draws: int = 1,
) -> Tuned:
    """Train each setting on the tuning seeds and the best on the fresh seeds.

    Each `draws` seeds in a row are one replicate, whose value is their mean.

    `train` maps runs, as `grid` makes them, to something that `metric` scores: one value a run.
    Raises `ValueError` for no settings, for settings that name a seed, for seeds that meet.
    """
    options = [dict(setting) for setting in settings]
    if not options or any(set(option) != set(options[0]) for option in options):
        raise ValueError("settings are to be tuned: give at least one, all with the same names")
    if "seed" in options[0]:
        raise ValueError("settings name a seed; replicates bring their own, leave it out")
    if shared := sorted(set(tuning_seeds) & set(fresh_seeds)):
        raise ValueError(f"seeds {shared[:3]} are for tuning and for the result; keep them apart")
    runs = [{**option, "seed": seed} for option in options for seed in tuning_seeds]
    scores = _scores(metric.valid(train(runs)), len(runs), draws).reshape(len(options), -1)
    seeds = (list(tuning_seeds), list(fresh_seeds), draws)
    tried = Tuned(metric, options, scores, np.empty(0), None, train, *seeds)
    result, values = retrain(tried, fresh_seeds)
    return replace(tried, values=values, runs=result)


def fixed(
    train: Train, setting: Mapping[str, Any], metric: Metric, seeds: Sequence[int], draws: int = 1
) -> Tuned:
    """Train one setting that nobody searched for; a value may be a sequence, one a seed.

    Raises `ValueError` for a sequence of another length.
    """
    for name, value in setting.items():
        if np.ndim(value) and len(value) != len(seeds):
            raise ValueError(f"{name} has {len(value)} values for {len(seeds)} runs; give one each")
    columns = {name: np.broadcast_to(value, len(seeds)).tolist() for name, value in setting.items()}
    rows = zip(seeds, *columns.values(), strict=True)
    result = train([dict(zip(("seed", *columns), row, strict=True)) for row in rows])
    values = _scores(metric.test(result), len(seeds), draws)
    return Tuned(metric, [dict(setting)], np.empty(0), values, result, train, [], seeds, draws)


def retrain(tuned: Tuned, seeds: Sequence[int]) -> tuple[Any, NDArray[np.float64]]:
    """Train the chosen setting on other seeds; return what training gave and the test values."""
    result = tuned.train([{**tuned.best, "seed": seed} for seed in seeds])
    return result, _scores(tuned.metric.test(result), len(seeds), tuned.draws)


def _scores(values: ArrayLike, count: int, draws: int) -> NDArray[np.float64]:
    scores = np.asarray(values, dtype=float).ravel()
    if len(scores) != count:
        raise ValueError(f"{count} runs were trained and {len(scores)} scored; score each run")
    means: NDArray[np.float64] = scores.reshape(-1, draws).mean(axis=1)
    return means


def _plain(value: Any) -> Any:
    """A number as Python's own; of one value a run the lowest and the highest."""
    if np.ndim(value):
        return [float(np.min(value)), float(np.max(value))]
    return value.item() if isinstance(value, np.generic) else value
