from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from recipes_lib.evidence.study import Study, compare


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Collect what a study displays: each card's mimebundle, with its record under `claim`."""
    cards: list[dict[str, Any]] = []

    def keep(bundle: dict[str, str], *, raw: bool, metadata: dict[str, Any]) -> None:
        cards.append({**bundle, **metadata})

    monkeypatch.setattr("recipes_lib.evidence.study.display", keep)
    return cards


def study(**changes: Any) -> Study:
    return Study(
        **{
            "device": "cpu",
            "scale": "quick",
            "seed": 0,
            "dataset": "digits",
            "book_dataset": "digits",
        }
        | changes
    )


def test_the_interval_is_students_of_the_differences() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(1, 1, 12), rng.normal(0, 1, 12)
    wanted = stats.ttest_rel(first, second).confidence_interval(0.95)
    found = compare(first, second)
    assert found.effect == pytest.approx((first - second).mean())
    assert found.interval == pytest.approx((wanted.low, wanted.high))
    assert (found.n, found.unit) == (12, "difference")


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
    assert compare(np.ones(8), np.ones(8)).verdict() == "undecided"


def test_the_interval_of_shares_is_bonett_and_prices() -> None:
    first, second = (
        np.array([1] * 9 + [0] * 11),
        np.array([1] * 2 + [0] * 3 + [0] * 4 + [1] * 1 + [0] * 10),
    )
    gained, lost = int((first > second).sum()), int((first < second).sum())
    p, q = (gained + 1) / 22, (lost + 1) / 22
    reach = 1.959964 * np.sqrt((p + q - (p - q) ** 2) / 22)
    assert compare(first, second).interval == pytest.approx(
        (p - q - reach, p - q + reach), abs=1e-6
    )


@pytest.mark.parametrize(
    ("treatment", "better", "margin", "verdict"),
    [
        (0.10, "higher", 0.0, "supported"),
        (0.10, "higher", 0.15, "contradicted"),
        (0.10, "higher", 0.10, "undecided"),
        (0.10, "lower", 0.0, "contradicted"),
        (-0.10, "lower", 0.0, "supported"),
        (-0.10, "lower", 0.15, "contradicted"),
        (-0.10, "higher", -0.15, "supported"),
        (0.10, "lower", -0.15, "supported"),
        (-0.20, "higher", -0.15, "contradicted"),
        (0.20, "lower", -0.15, "contradicted"),
    ],
)
def test_the_verdict_is_the_side_of_the_margin(
    treatment: float, better: Any, margin: float, verdict: str
) -> None:
    noise = np.array([-0.01, 0.01] * 4)
    assert compare(treatment + noise, np.zeros(8)).verdict(better, margin) == verdict


@pytest.mark.parametrize(
    ("treatment", "better", "margin", "verdict"),
    [
        (1.04, "lower", -0.05, "supported"),
        (1.06, "lower", -0.05, "contradicted"),
        (0.94, "lower", 0.05, "supported"),
        (1.06, "higher", 0.05, "supported"),
        (1.04, "higher", 0.05, "contradicted"),
    ],
)
def test_the_margin_of_a_ratio_is_a_fraction(
    treatment: float, better: Any, margin: float, verdict: str
) -> None:
    noise = np.array([0.999, 1.001] * 4)
    assert compare(treatment * noise, np.ones(8), ratio=True).verdict(better, margin) == verdict


def test_values_that_cannot_be_paired_are_refused() -> None:
    with pytest.raises(ValueError, match=r"3 treatment values, 2 control values"):
        compare([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match=r"paired: 1 treatment"):
        compare([1], [1])
    with pytest.raises(ValueError, match=r"replicates \[1\] are not finite"):
        compare([1, np.nan, 3], [1, 2, 3])
    with pytest.raises(ValueError, match="above zero"):
        compare([1.0, 0.0], [1.0, 2.0], ratio=True)


def test_the_card_shows_the_numbers_marked_as_measured_and_the_text_none(
    shown: list[dict[str, Any]],
) -> None:
    study().claim(
        "a-b",
        "A <beats> B.",
        [3, 4, 5.5],
        [1, 2, 3],
        source="S1 S2",
        case="twice",
        expect="supported",
    )
    (card,) = shown
    assert card["text/plain"] == "a-b (twice): A <beats> B. SUPPORTED"
    assert "A &lt;beats&gt; B." in card["text/html"]
    assert '<span class="measured">Difference +2.167 (' in card["text/html"]
    record = card["claim"]
    assert (record["id"], record["case"], record["source"], record["verdict"]) == (
        "a-b",
        "twice",
        "S1 S2",
        "supported",
    )
    assert (record["n"], record["seed"], record["device"], record["scale"]) == (
        3,
        0,
        "cpu",
        "quick",
    )
    assert record["interval"][0] < record["effect"] < record["interval"][1]
    assert "torch" in record["versions"]
    assert not record["differs"]


def test_another_verdict_than_the_book_s_raises_after_the_card_is_shown(
    shown: list[dict[str, Any]],
) -> None:
    with pytest.raises(AssertionError, match="a is supported; the book says contradicted"):
        study().claim("a", "A.", [3, 4, 5.5], [1, 2, 3], source="+", expect="contradicted")
    assert shown[0]["claim"]["differs"]


@pytest.mark.parametrize("changes", [{"scale": "full"}, {"dataset": "mnist5k"}, {"device": "meta"}])
def test_elsewhere_another_verdict_is_a_finding(
    changes: dict[str, str], shown: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recipes_lib.evidence.study.resolve_device", torch.device)
    study(**changes).claim("a", "A.", [3, 4, 5.5], [1, 2, 3], source="+", expect="contradicted")
    (card,) = shown
    assert card["claim"]["differs"]
    assert not card["claim"]["binding"]
    assert "Differs from the book’s: contradicted." in card["text/html"]


def test_what_a_machine_lacks_stands_on_the_card_instead_of_an_error(
    shown: list[dict[str, Any]],
) -> None:
    how: dict[str, Any] = {"source": "+", "lacks": "the processor has no wings"}
    study().claim("a", "A.", [3, 4, 5.5], [1, 2, 3], expect="contradicted", **how)
    study().claim("b", "B.", [3, 4, 5.5], [1, 2, 3], expect="supported", **how)
    assert [card["claim"]["binding"] for card in shown] == [False, False]
    assert (
        "Differs from the book’s: contradicted; here the processor has no wings."
        in shown[0]["text/html"]
    )
    assert "wings" not in shown[1]["text/html"]


def test_exact_claims_compare_to_a_tolerance(shown: list[dict[str, Any]]) -> None:
    one = torch.tensor([1.0, 2.0])
    study().claim_equal("same", "The same.", one, one.clone(), source="+", expect="supported")
    study().claim_equal(
        "near", "Near.", one, one + 1e-3, source="+", tolerance=1e-2, expect="supported"
    )
    study().claim_equal(
        "far", "Far.", one, one + 1, source="+", tolerance=1e-2, expect="contradicted"
    )
    assert [card["claim"]["verdict"] for card in shown] == [
        "supported",
        "supported",
        "contradicted",
    ]
    assert shown[2]["claim"]["effect"] == pytest.approx(1)
    with pytest.raises(ValueError, match=r"shapes differ: \(2,\) and \(1,\)"):
        study().claim_equal("odd", "Odd.", one, one[:1], source="+", expect="supported")


def test_seeds_of_different_base_seeds_never_meet() -> None:
    seeds = [study(seed=base, scale="full").seeds() for base in range(5)]
    assert [len(row) for row in seeds] == [32] * 5
    assert len(study().seeds()) == 8
    assert len(study().seeds(quick=16)) == 16
    assert len({seed for row in seeds for seed in row}) == 160


def test_a_bad_setting_is_refused() -> None:
    with pytest.raises(ValueError, match=r"scale 'large' is unknown; use 'quick' or 'full'"):
        study(scale="large")
    for seed in ("1", 1.0, True, -1):
        with pytest.raises(ValueError, match=r"is no whole number from 0"):
            study(seed=seed)
    with pytest.raises(ValueError, match="not on this machine"):
        study(device="cuda:99")
