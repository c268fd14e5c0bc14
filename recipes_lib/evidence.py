"""A study and its claims: paired comparison over replicates, interval, verdict."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from IPython.display import display
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from recipes_lib.cards import card, full_name
from recipes_lib.hardware import resolve_device, stamp

Verdict = Literal["supported", "contradicted", "undecided"]
Better = Literal["higher", "lower"]
Choice = TypeVar("Choice")
SCALES = ("quick", "full")


@dataclass(frozen=True)
class Comparison:
    """Treatment against control: the mean effect, its 95% interval, how many pairs, and in what unit."""

    effect: float
    interval: tuple[float, float]
    n: int
    unit: Literal["difference", "ratio"]

    def verdict(self, better: Better = "higher", margin: float = 0.0) -> Verdict:
        """Say on which side of the margin the whole interval lies.

        `margin` is the least gain that the claim needs: 0.15 asks for 15 points (or 15%, of a ratio) more, or less
        where lower is better; a negative margin allows a loss of that size.
        """
        sign = 1 if better == "higher" else -1
        threshold = (self.unit == "ratio") + sign * margin
        low, high = sorted(sign * (bound - threshold) for bound in self.interval)
        return "supported" if low > 0 else "contradicted" if high < 0 else "undecided"


def compare(treatment: ArrayLike, control: ArrayLike, *, ratio: bool = False) -> Comparison:
    """Compare one value per replicate, (n,) and (n,), paired by seed.

    The interval is Student's, of the differences or, with `ratio`, of the differences of logarithms; where every value
    is 0 or 1 it is Bonett & Price's adjusted Wald interval of paired proportions (doi:10.3102/1076998611411915), for
    which replicates that all agree are no proof of certainty. Raises `ValueError` for values that cannot be paired.
    """
    pair = _paired(treatment, control)
    if ratio and (pair <= 0).any():
        raise ValueError("a ratio needs values above zero; compare differences instead")
    first, second = np.log(pair) if ratio else pair
    binary = not ratio and np.isin(pair, (0, 1)).all()
    interval = _proportions(first, second) if binary else _student(first - second)
    bounds = np.array([(first - second).mean(), *interval])
    effect, low, high = (float(bound) for bound in (np.exp(bounds) if ratio else bounds))
    return Comparison(effect, (low, high), len(first), "ratio" if ratio else "difference")


def _paired(treatment: ArrayLike, control: ArrayLike) -> NDArray[np.float64]:
    first, second = (np.asarray(values, dtype=float).ravel() for values in (treatment, control))
    if len(first) != len(second) or len(first) < 2:
        raise ValueError(f"replicates are paired: {len(first)} treatment values, {len(second)} control values")
    pair = np.stack([first, second])
    if not np.isfinite(pair).all():
        where = np.flatnonzero(~np.isfinite(pair).all(axis=0)).tolist()
        raise ValueError(f"replicates {where} are not finite; measure something that is defined for diverged runs")
    return pair


def _student(differences: NDArray[np.float64]) -> tuple[float, float]:
    mean, error = differences.mean(), stats.sem(differences)
    reach = stats.t.ppf(0.975, len(differences) - 1) * error
    return float(mean - reach), float(mean + reach)


def _proportions(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, float]:
    n = len(first) + 2
    gained, lost = ((first > second).sum() + 1) / n, ((first < second).sum() + 1) / n
    centre = gained - lost
    reach = stats.norm.ppf(0.975) * np.sqrt((gained + lost - centre**2) / n)
    return max(-1.0, float(centre - reach)), min(1.0, float(centre + reach))


@dataclass(frozen=True)
class Study:
    """The setting in which a recipe's claims are measured.

    `book_dataset` is what the book's verdicts speak of. Raises `ValueError`
    for an unknown device or scale and for a seed that is no whole number.
    """

    device: Any
    scale: str
    seed: int
    dataset: str
    book_dataset: str

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"scale {self.scale!r} is unknown; use 'quick' or 'full'")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ValueError(f"seed {self.seed!r} is no whole number from 0; use 0, 1, 2, …")
        object.__setattr__(self, "device", resolve_device(str(self.device)))

    def seeds(self, quick: int = 8, full: int = 32) -> list[int]:
        """One seed per replicate, (quick,) or (full,) of them; those of different base seeds never meet."""
        return [1000 * self.seed + replicate for replicate in range(self.pick(quick, full))]

    @property
    def binding(self) -> bool:
        """Whether the book's verdicts are about this setting: its own data, quick scale, a processor."""
        return self.dataset == self.book_dataset and self.scale == "quick" and self.device.type == "cpu"

    def pick(self, quick: Choice, full: Choice) -> Choice:
        """Choose by scale."""
        return quick if self.scale == "quick" else full

    def claim(
        self,
        id: str,
        statement: str,
        treatment: ArrayLike,
        control: ArrayLike,
        *,
        source: str,
        expect: Verdict,
        case: str = "",
        better: Better = "higher",
        margin: float = 0.0,
        ratio: bool = False,
        lacks: str = "",
    ) -> None:
        """Put a claim to the test on paired replicates, (n,) and (n,), and display its card.

        Raises `AssertionError` where the verdict is not `expect` in a setting that the book speaks of; elsewhere, and
        on a machine that `lacks` what the verdict rests on, the card says that it differs.
        """
        found = compare(treatment, control, ratio=ratio)
        measured = asdict(found) | {"better": better, "margin": margin, "lacks": lacks}
        self._show(id, case, statement, source, found.verdict(better, margin), expect, measured)

    def claim_equal(
        self,
        id: str,
        statement: str,
        treatment: torch.Tensor | Sequence[float],
        control: torch.Tensor | Sequence[float],
        *,
        source: str,
        expect: Verdict,
        case: str = "",
        tolerance: float = 0.0,
    ) -> None:
        """Put to the test that two things of one shape are the same within `tolerance`, and display the card."""
        first, second = (torch.as_tensor(values, dtype=torch.float64).cpu() for values in (treatment, control))
        if first.shape != second.shape:
            raise ValueError(f"shapes differ: {tuple(first.shape)} and {tuple(second.shape)}")
        gap = float((first - second).abs().max())
        measured = {
            "effect": gap,
            "interval": None,
            "n": 1,
            "unit": "largest difference",
            "margin": tolerance,
            "lacks": "",
        }
        verdict: Verdict = "supported" if gap <= tolerance else "contradicted"
        self._show(id, case, statement, source, verdict, expect, measured)

    def _show(
        self,
        id: str,
        case: str,
        statement: str,
        source: str,
        verdict: Verdict,
        expect: Verdict,
        measured: dict[str, Any],
    ) -> None:
        record: dict[str, Any] = {"id": id, "case": case, "source": source, "statement": statement, "verdict": verdict}
        binding = self.binding and not measured["lacks"]
        record |= {"expect": expect, "differs": verdict != expect, "binding": binding, **measured}
        record |= {"seed": self.seed, "device": self.device.type, "scale": self.scale, "dataset": self.dataset}
        record |= {"versions": stamp(self.device)}
        name = full_name(record)
        plain = f"{name}: {statement} {verdict.upper()}"
        display({"text/plain": plain, "text/html": card(record)}, raw=True, metadata={"claim": record})
        if record["differs"] and binding:
            raise AssertionError(
                f"{name} is {verdict}; the book says {expect}. Mend the experiment or the book's verdict."
            )
