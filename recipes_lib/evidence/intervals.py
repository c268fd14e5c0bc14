"""The one place where intervals are computed: of comparisons, and of the curves in figures."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recipes_lib.evidence.verdicts import Unit

Values = NDArray[np.float64]
Z = NormalDist().inv_cdf(0.975)
SHARES, STUDENT, CORRECTED = "shares", "Student", "corrected"


class IncomparableError(ValueError):
    """Values that were measured and have no effect: a run diverged, or a ratio has a zero."""


@dataclass(frozen=True)
class Comparison:
    """Treatment against control: the mean effect, its 95% interval, of how many pairs, in what
    unit, and which interval it is (`kind`).
    """

    effect: float
    interval: tuple[float, float]
    n: int
    unit: Unit
    kind: str


def compare(
    treatment: ArrayLike, control: ArrayLike, *, ratio: bool = False, test_ratio: float = 0.0
) -> Comparison:
    """Compare one value per replicate, (n,) and (n,), paired by seed.

    The interval is Student's, of the differences or, with `ratio`, of the differences of
    logarithms. Replicates that split one pool of data anew overlap, so theirs is Nadeau and
    Bengio's corrected one, where `test_ratio` is the number of test over that of training images
    (doi:10.1023/A:1024068626366). Where every value is 0 or 1 it is Bonett and Price's adjusted
    Wald interval of paired proportions (doi:10.3102/1076998611411915), for which replicates that
    all agree are no proof of certainty. Raises `ValueError` for values that cannot be paired,
    `IncomparableError` for those that are not finite or, in a ratio, not above zero.

    >>> compare([0.75, 1.0, 0.5], [0.5, 0.5, 0.5], test_ratio=1 / 3).effect
    0.25
    """
    pair = _paired(treatment, control)
    if ratio and (pair <= 0).any():
        raise IncomparableError("a ratio needs values above zero; compare differences instead")
    first, second = np.log(pair) if ratio else pair
    if not ratio and np.isin(pair, (0, 1)).all():
        interval, kind = _proportions(first, second), SHARES
    else:
        low, high = _student((first - second)[:, None], test_ratio)
        interval, kind = (float(low[0]), float(high[0])), CORRECTED if test_ratio else STUDENT
    bounds = np.array([(first - second).mean(), *interval])
    effect, low_, high_ = (float(bound) for bound in (np.exp(bounds) if ratio else bounds))
    return Comparison(effect, (low_, high_), len(first), "ratio" if ratio else "difference", kind)


def mean_interval(values: Values, test_ratio: float = 0.0) -> tuple[Values, Values]:
    """Return the 95% interval of each column's mean over replicates, values (n, points).

    Student's; corrected for replicates that split one pool anew where `test_ratio` says so; of
    shares, where every value is 0 or 1, Wilson's.
    """
    if np.isin(values, (0, 1)).all():
        return _wilson(values.mean(axis=0), len(values))
    return _student(values, test_ratio)


def _student(values: Values, test_ratio: float) -> tuple[Values, Values]:
    from scipy.special import stdtrit  # late: it takes a sixth of a second

    mean = values.mean(axis=0)
    spread = values.std(axis=0, ddof=1)
    reach = stdtrit(len(values) - 1, 0.975) * spread * np.sqrt(1 / len(values) + test_ratio)
    return mean - reach, mean + reach


def _paired(treatment: ArrayLike, control: ArrayLike) -> Values:
    first, second = (np.asarray(values, dtype=float).ravel() for values in (treatment, control))
    if len(first) != len(second) or len(first) < 2:
        counts = f"{len(first)} treatment values, {len(second)} control values"
        raise ValueError(f"replicates are paired, at least two: {counts}")
    pair = np.stack([first, second])
    if not np.isfinite(pair).all():
        where = np.flatnonzero(~np.isfinite(pair).all(axis=0)).tolist()
        fix = "measure what diverged runs have, too"
        raise IncomparableError(f"replicates {where} are not finite; {fix}")
    return pair


def _proportions(first: Values, second: Values) -> tuple[float, float]:
    n = len(first) + 2
    gained, lost = ((first > second).sum() + 1) / n, ((first < second).sum() + 1) / n
    centre = gained - lost
    reach = Z * np.sqrt((gained + lost - centre**2) / n)
    return max(-1.0, float(centre - reach)), min(1.0, float(centre + reach))


def _wilson(share: Values, n: int) -> tuple[Values, Values]:
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    reach = Z * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return centre - reach, centre + reach
