import numpy as np
import pytest
from scipy import stats

from recipes_lib.evidence.intervals import compare, mean_interval


def test_the_interval_is_students_of_the_differences() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(1, 1, 12), rng.normal(0, 1, 12)
    wanted = stats.ttest_rel(first, second).confidence_interval(0.95)
    found = compare(first, second)
    assert found.effect == pytest.approx((first - second).mean())
    assert found.interval == pytest.approx((wanted.low, wanted.high))
    assert (found.n, found.unit, found.kind) == (12, "difference", "Student")


def test_the_interval_over_resplits_is_nadeau_and_bengios() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(1, 1, 10), rng.normal(0, 1, 10)
    found = compare(first, second, test_ratio=1 / 3)
    gap = first - second
    reach = stats.t.ppf(0.975, 9) * np.sqrt((1 / 10 + 1 / 3) * gap.var(ddof=1))
    assert found.interval == pytest.approx((gap.mean() - reach, gap.mean() + reach))
    assert found.kind == "corrected"


def test_the_interval_covers_the_truth_in_95_of_100_studies() -> None:
    rng = np.random.default_rng(1)
    studies = [compare(rng.normal(0.3, 1, 8), np.zeros(8)).interval for _ in range(2000)]
    assert np.mean([low <= 0.3 <= high for low, high in studies]) == pytest.approx(0.95, abs=0.015)


def test_ratios_are_compared_on_the_log_scale() -> None:
    found = compare([2.0, 8.0, 4.0], [1.0, 4.0, 2.0], ratio=True)
    assert found.effect == pytest.approx(2)
    assert found.interval == pytest.approx((2, 2))
    assert found.unit == "ratio"
    swapped = compare([1.0, 5.0, 2.0], [2.0, 4.0, 3.0], ratio=True)
    mirror = compare([2.0, 4.0, 3.0], [1.0, 5.0, 2.0], ratio=True)
    assert swapped.interval == pytest.approx((1 / mirror.interval[1], 1 / mirror.interval[0]))


def test_shares_keep_doubt_even_where_all_replicates_agree() -> None:
    low, high = compare(np.ones(8), np.zeros(8)).interval
    assert 0 < low < 0.6
    assert high == 1
    low, high = compare(np.ones(8), np.ones(8)).interval
    assert low < 0 < high


def test_the_interval_of_shares_is_bonett_and_prices() -> None:
    first = np.array([1] * 9 + [0] * 11)
    second = np.array([1] * 2 + [0] * 3 + [0] * 4 + [1] * 1 + [0] * 10)
    gained, lost = int((first > second).sum()), int((first < second).sum())
    p, q = (gained + 1) / 22, (lost + 1) / 22
    reach = 1.959964 * np.sqrt((p + q - (p - q) ** 2) / 22)
    found = compare(first, second, test_ratio=1 / 3)
    assert found.interval == pytest.approx((p - q - reach, p - q + reach), abs=1e-6)
    assert found.kind == "shares"


def test_curves_have_the_intervals_of_cards() -> None:
    runs = np.random.default_rng(2).normal(0, 1, (9, 4))
    for test_ratio in (0.0, 0.25):
        low, high = mean_interval(runs, test_ratio)
        for point in range(4):
            card = compare(runs[:, point], np.zeros(9), test_ratio=test_ratio).interval
            assert (low[point], high[point]) == pytest.approx(card)


def test_the_interval_of_one_share_is_wilsons() -> None:
    runs = np.array([[1, 0], [1, 0], [1, 1], [1, 0], [0, 0], [1, 0]])
    low, high = mean_interval(runs)
    for point, hits in enumerate((5, 1)):
        wanted = stats.binomtest(hits, 6).proportion_ci(method="wilson")
        assert (low[point], high[point]) == pytest.approx((wanted.low, wanted.high))


def test_values_that_cannot_be_paired_are_refused() -> None:
    with pytest.raises(ValueError, match=r"3 treatment values, 2 control values"):
        compare([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match=r"at least two: 1 treatment"):
        compare([1], [1])
    with pytest.raises(ValueError, match=r"replicates \[1\] are not finite"):
        compare([1, np.nan, 3], [1, 2, 3])
    with pytest.raises(ValueError, match="above zero"):
        compare([1.0, 0.0], [1.0, 2.0], ratio=True)


def test_differences_that_happen_to_be_whole_are_no_shares() -> None:
    same = np.linspace(0.5, 0.9, 16)
    assert compare(same, same, test_ratio=1 / 3).interval == (0.0, 0.0)
    low, high = compare([3.0, 2.0, 4.0, 3.0], [2.0, 2.0, 3.0, 2.0]).interval
    wanted = stats.t.interval(0.95, 3, 0.75, stats.sem([1, 0, 1, 1]))
    assert (low, high) == pytest.approx(wanted)
