import re
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from recipes_lib.data.sets import load
from recipes_lib.evidence import cards, claims
from recipes_lib.evidence.claims import Protocol, RegistryError
from recipes_lib.evidence.registry import Registry
from recipes_lib.evidence.study import SHELVES, CheckError, Study
from recipes_lib.evidence.tuning import Metric

Shown = list[dict[str, Any]]
SCORE = Metric("score", "higher", lambda done: done.valid, lambda done: done.test)
PROTOCOL = Protocol("digits", tuning=(4, 8), fresh=(8, 32))
EQUAL = "both sides take as many steps"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Collect what a study displays: each mimebundle, with its metadata beside it."""
    found: Shown = []

    def keep(panel: cards.Shown, *, metadata: dict[str, Any]) -> None:
        found.append({"text/plain": panel.text, "text/html": panel.html, **metadata})

    monkeypatch.setattr("IPython.display.display", keep)
    return found


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Register a claim `a` of the recipe `one`."""

    def to(**row: Any) -> None:
        base = {"id": "a", "recipe": "one", "statement": "A <beats> B.", "metric": "accuracy"}
        sources = {"S1": claims.Source("A. Writer", 2024, "A book")}
        protocols = {"one": PROTOCOL}
        claim = claims.claim({**base, **row}, sources, protocols)
        found = Registry(sources, protocols, {"a": claim})
        monkeypatch.setattr("recipes_lib.evidence.study.registered", lambda: found)

    return to


def study(**changes: Any) -> Study:
    return Study(**{"recipe": "one", "device": "cpu", "dataset": "digits"} | changes)


def trained(level: dict[float, float]) -> Callable[[list[dict[str, Any]]], Any]:
    """Stand for a training whose score is its rate's level, with noise that the seed decides."""

    def train(runs: list[dict[str, Any]]) -> Any:
        noise = [np.random.default_rng([run["seed"] % 2**32, 7]).normal(0, 0.01) for run in runs]
        values = np.array([level[run["lr"]] for run in runs]) + noise
        return SimpleNamespace(valid=values, test=values - 0.05, runs=runs)

    return train


RATES = [{"lr": 0.1}, {"lr": 1.0}, {"lr": 10.0}]


def test_the_choice_is_made_on_tuning_and_measured_on_fresh_replicates(register: Any) -> None:
    register()
    tuned = study().tune(trained({0.1: 0.5, 1.0: 0.8, 10.0: 0.6}), RATES, SCORE)
    assert (tuned.best, tuned.edges) == ({"lr": 1.0}, ())
    assert tuned.scores.shape == (3, 4)
    assert tuned.values == pytest.approx(0.75, abs=0.04)
    assert [run["seed"] for run in tuned.runs.runs] == study().fresh
    assert len(tuned.table) == 3


def test_a_choice_at_the_edge_of_its_grid_is_reported(register: Any, shown: Shown) -> None:
    register(metric="share", margin=0.01, reason="a test")
    edge = study().tune(trained({0.1: 0.9, 1.0: 0.8, 10.0: 0.6}), RATES, SCORE)
    assert edge.edges == ("lr",)
    study().claim("a", (edge, edge))
    assert "at the edge of what was tried: lr" in shown[0]["text/html"]
    assert shown[0]["claim"][0]["sides"][0]["edges"] == ["lr"]


def test_a_run_that_is_not_finite_loses(register: Any) -> None:
    register()
    lower = Metric("loss", "lower", SCORE.valid, SCORE.test)
    nan, inf = float("nan"), float("inf")
    level = {0.1: 0.9, 1.0: nan, 10.0: -inf}
    assert study().tune(trained(level), RATES, lower).best == {"lr": 0.1}
    assert study().tune(trained({**level, 10.0: inf}), RATES, SCORE).best == {"lr": 0.1}


def test_a_replicate_is_the_mean_of_its_draws(register: Any) -> None:
    register()
    one = study()
    tuned = one.tune(trained({1.0: 0.8}), [{"lr": 1.0}], SCORE, draws=3)
    seeds = [run["seed"] for run in tuned.runs.runs]
    assert len(seeds) == len(set(seeds)) == 3 * len(one.fresh)
    assert [one.split_of(seed) for seed in seeds[::3]] == one.fresh
    assert [one.split_of(seed) for seed in seeds[:3]] == [one.fresh[0]] * 3
    assert tuned.values == pytest.approx(tuned.runs.test.reshape(-1, 3).mean(1))


def test_draws_are_other_nets_in_another_order(register: Any) -> None:
    register()
    tuned = study(seed=50_021).tune(trained({1.0: 0.8}), [{"lr": 1.0}], SCORE, draws=8)
    first = [
        torch.rand(2, generator=torch.Generator().manual_seed(run["seed"])).tolist()
        for run in tuned.runs.runs
    ]
    assert len({tuple(numbers) for numbers in first}) == len(first)


def test_too_many_draws_and_replicates_are_refused(register: Any) -> None:
    register()
    with pytest.raises(ValueError, match=r"draws is 9; use 1 … 8"):
        study().tune(trained({1.0: 0.8}), [{"lr": 1.0}], SCORE, draws=9)
    with pytest.raises(RegistryError, match="'one' has 101 replicates; register 100 at most"):
        study()._seeds(0, (101, 8))


def drawn(base: Any, scale: str = "quick") -> list[int]:
    """The seeds of all nets of a study, as torch's generator heeds them."""
    one = study(seed=base, scale=scale)
    roles = [one.tuning, one.fresh, one.again]
    roles += [[one.apart(seed) for seed in seeds] for seeds in roles]
    return [seed % 2**32 for seeds in roles for seed in one._drawn(seeds, 8)]


@pytest.mark.parametrize("scale", ["quick", "full"])
def test_replicates_of_different_roles_draws_and_base_seeds_never_meet(
    register: Any, scale: str
) -> None:
    register()
    dates = [int(day.strftime("%Y%m%d")) for day in pd.date_range("2024-01-01", "2024-12-31")]
    few = [0, 1, 2, 9, 10, 53_686, 53_687, 53_688, 2**32, 2**40, 2**63 - 1, SHELVES + 1]
    seeds = [seed for base in (*few, *dates) for seed in drawn(base, scale)]
    assert len(seeds) == len(set(seeds))
    assert len(study(scale=scale).fresh) == {"quick": 8, "full": 32}[scale]


def test_dates_of_a_century_are_seeds_of_their_own(register: Any) -> None:
    register()
    days = pd.date_range("1970-01-01", "2069-12-31")
    for form in ("%Y%m%d", "%d%m%Y", "%y%m%d"):
        first = {study(seed=int(day.strftime(form))).tuning[0] for day in days}
        assert len(first) == len(days)


@pytest.mark.parametrize("base", [0, 7, 53_686])
def test_a_small_base_seed_keeps_the_replicates_that_the_book_has(register: Any, base: int) -> None:
    register()
    one = study(seed=np.int64(base))
    assert type(one.seed) is int
    for role, seeds in enumerate((one.tuning, one.fresh, one.again)):
        assert seeds[:2] == [10_000 * base + 1_000 * role, 10_000 * base + 1_000 * role + 1]
    assert one.apart(one.fresh[0]) == 10_000 * base + 6_000


def test_draws_of_a_date_share_its_splits(register: Any) -> None:
    register()
    one = study(seed=20240101)
    for seed in one.fresh:
        assert {one.split_of(draw) for draw in one._drawn([seed], 8)} == {seed}


def test_draws_of_a_replicate_share_its_split_of_the_study_s_data(register: Any) -> None:
    register()
    one = study()
    splits, (first, second, other, _) = one.splits(image_size=4), one._drawn(one.fresh[:2], 2)
    assert splits(first) is splits(second)
    assert splits(first).shape == (1, 4, 4)
    own = load("digits", seed=one.fresh[1], image_size=4)
    assert torch.equal(splits(other).test.x, own.test.x)
    assert not torch.equal(splits(first).test.x, own.test.x)


def test_training_may_return_the_scores_themselves(register: Any) -> None:
    register()
    steps, rates = Metric("steps", "lower"), [{"lr": 1.0}, {"lr": 2.0}]
    tuned = study().tune(lambda runs: [3.0 / run["lr"] for run in runs], rates, steps)
    assert tuned.best == {"lr": 2.0}
    assert set(tuned.values) == {1.5}


def test_settings_that_cannot_be_compared_are_refused(register: Any) -> None:
    register()
    train, one = trained({0.1: 0.5}), study()
    with pytest.raises(ValueError, match="give at least one, all with the same names"):
        one.tune(train, [], SCORE)
    with pytest.raises(ValueError, match="give at least one, all with the same names"):
        one.tune(train, [{"lr": 0.1}, {"momentum": 0.9}], SCORE)
    with pytest.raises(ValueError, match="settings name a seed"):
        one.tune(train, [{"lr": 0.1, "seed": 1}], SCORE)
    with pytest.raises(ValueError, match=r"seeds \[0, 1\] are for tuning and for the result"):
        one.tune(train, [{"lr": 0.1}], SCORE, fresh=[0, 1])
    with pytest.raises(ValueError, match="metric 'acuracy' is unknown; use one of accuracy, loss"):
        one.tune(train, [{"lr": 0.1}], "acuracy")
    few = Metric("few", "higher", lambda done: done.valid[:1], SCORE.test)
    with pytest.raises(ValueError, match="4 runs were trained and 1 scored"):
        one.tune(train, [{"lr": 0.1}], few)


def test_the_panel_shows_numbers_marked_as_measured_and_the_text_none(
    register: Any, shown: Shown
) -> None:
    register(case=[{"name": "x"}, {"name": "y"}], sources=["S1"], by_source=True)
    up, down = np.linspace(0.9, 0.91, 8), np.linspace(0.5, 0.51, 8)
    study().claim("a", {"x": (up, down), "y": (down, up)})
    (panel,) = shown
    lines = panel["text/plain"].splitlines()
    assert lines == [
        "A <beats> B.",
        "a (x): SUPPORTED",
        "a (y): CONTRADICTED: THE OPPOSITE",
    ]
    assert "A &lt;beats&gt; B." in panel["text/html"]
    assert "A. Writer 2024" in panel["text/html"]
    shown_number = '<span style="white-space:nowrap">+40.0 points (+40.0 to +40.0)</span>'
    assert f"<!--measured-->{shown_number}<!--/measured-->" in panel["text/html"]
    record = panel["claim"][0]
    kept = ("id", "case", "verdict", "n", "kind", "seed", "device", "scale", "margin")
    expected = ["a", "x", "supported", 8, "corrected", 0, "cpu", "quick", 0.01]
    assert [record[name] for name in kept] == expected
    assert "torch" in record["versions"]


def test_a_timing_may_differ_from_run_to_run_in_its_verdict(register: Any, shown: Shown) -> None:
    register(metric="time", replicates=[8, 8])
    study().claim("a", (np.full(9, 0.5), np.ones(9)))
    (panel,) = shown
    assert panel["text/plain"].endswith("a: <!--measured-->SUPPORTED<!--/measured-->")
    outside = "".join(part.split("<!--/measured-->")[-1] for part in _unmeasured(panel))
    assert "upported" not in outside
    assert panel["claim"][0]["kind"] == "Student"


def _unmeasured(panel: dict[str, Any]) -> list[str]:
    return str(panel["text/html"]).split("<!--measured-->")


def test_a_call_brings_nothing_but_values(register: Any) -> None:
    register(case=[{"name": "x"}])
    values = np.linspace(0, 1, 8)
    with pytest.raises(RegistryError, match=r"registered with the cases \['x'\], not \['y'\]"):
        study().claim("a", {"y": (values, values)})
    with pytest.raises(RegistryError, match="'a' is registered; a call brings nothing but values"):
        study().claim("a", {"x": (values, values)}, margin=0.5)
    with pytest.raises(RegistryError, match="'b' is not registered; register it, or state it"):
        study().claim("b", (values, values))
    with pytest.raises(RegistryError, match="registered with 8 replicates; 7 were measured"):
        study().claim("a", {"x": (values[:7], values[:7])})


def test_a_claim_of_ones_own_needs_no_registry(shown: Shown) -> None:
    values = np.linspace(0, 0.1, 5)
    Study(device="cpu").claim(
        "mine", (values + 0.5, values), statement="Mine is better.", metric="accuracy"
    )
    assert shown[0]["claim"][0]["verdict"] == "supported"
    assert "this book’s question" in shown[0]["text/html"]


def test_sides_are_tuned_alike_and_by_what_is_reported(register: Any) -> None:
    train = trained({0.1: 0.5, 1.0: 0.8, 10.0: 0.6})
    register(metric="share", margin=0.01, reason="a test")
    one = study()
    three, two = (one.tune(train, RATES[:count], SCORE) for count in (3, 2))
    with pytest.raises(RegistryError, match="sides tried 3 and 2 settings; give both as many"):
        one.claim("a", (three, two))
    register(metric="accuracy")
    with pytest.raises(RegistryError, match="was chosen by score; the card reports accuracy"):
        one.claim("a", (three, three))
    register(metric="share", margin=0.01, reason="a test", draws=4)
    with pytest.raises(RegistryError, match="registered with 4 draws a replicate; a side has 1"):
        one.claim("a", (three, three))


def steps(number: int) -> Callable[[list[dict[str, Any]]], Any]:
    """Stand for a training of so many steps."""
    train = trained({0.1: 0.5, 1.0: 0.8})
    return lambda runs: SimpleNamespace(
        **vars(train(runs)), step_losses=torch.zeros(len(runs), number)
    )


def test_a_fixed_side_is_measured_and_not_searched(register: Any, shown: Shown) -> None:
    register(metric="share", margin=0.01, reason="a test", draws=2)
    one = study()
    tuned = one.tune(steps(10), RATES[:2], SCORE, draws=2)
    same = one.fixed(steps(10), {"lr": 1.0}, SCORE, draws=2)
    assert same.values == pytest.approx(tuned.values)
    each = [0.1, 1.0] * len(one.fresh)
    mixed = one.fixed(steps(10), {"lr": each}, SCORE, draws=2)
    assert [run["lr"] for run in mixed.runs.runs] == each
    one.claim("a", (tuned, mixed))
    assert "best of 2 by score on 4 replicates, 2 nets each" in shown[0]["text/html"]
    assert "lr = 0.1 … 1; fixed, 2 nets each, 10 steps" in shown[0]["text/html"]
    with pytest.raises(ValueError, match="lr has 3 values for 16 runs; give one each"):
        one.fixed(steps(10), {"lr": [0.1, 0.2, 0.3]}, SCORE, draws=2)
    lone = one.tune(steps(10), RATES[:1], SCORE, draws=2)
    with pytest.raises(RegistryError, match="sides tried 2 and 1 settings"):
        one.claim("a", (tuned, lone))


def test_sides_take_equal_steps_or_the_registry_says_why_not(register: Any, shown: Shown) -> None:
    share = {"metric": "share", "margin": 0.01, "reason": "a test"}
    cases = [{"name": "x"}, {"name": "y", "unequal_steps": "the treatment is to train longer"}]
    register(**share, case=cases)
    one = study()
    short, long = (one.fixed(steps(number), {"lr": 1.0}, SCORE) for number in (10, 20))
    with pytest.raises(RegistryError, match="'a', case 'x': sides took 20 and 10 steps"):
        one.claim("a", {"x": (long, short), "y": (long, short)})
    one.claim("a", {"x": (short, short), "y": (long, short)})
    assert "unequal steps: the treatment is to train longer" in shown[0]["text/html"]


def test_a_failed_check_stops_the_notebook_in_the_books_own_setting(
    register: Any, shown: Shown
) -> None:
    register(checks=[EQUAL])
    one = study()
    with pytest.raises(CheckError, match=r"both sides take as many steps: not so \(3 and 4\)"):
        one.check(EQUAL, False, "3 and 4")
    assert shown[0]["text/plain"] == f"✗ {EQUAL}"


def test_splits_whose_test_images_are_trained_on_fail_the_check(
    register: Any, shown: Shown
) -> None:
    register()
    splits = load("digits", seed=0)
    study().check_leaks(lambda seed: splits)
    assert "0.0% at most" in shown[0]["text/html"]
    leaky = replace(splits, test=splits.valid)
    with pytest.raises(CheckError, match=r"test images are not among .*: not so \(100.0% at most"):
        study().check_leaks(lambda seed: leaky if seed == 1001 else splits)


@pytest.mark.parametrize("changes", [{"scale": "full"}, {"dataset": "mnist5k"}])
def test_elsewhere_claims_that_rest_on_a_failed_check_give_no_verdict(
    changes: dict[str, str], register: Any, shown: Shown
) -> None:
    register(checks=[EQUAL])
    one = study(**changes)
    one.check(EQUAL, False, "3 and 4")
    values = np.linspace(0, 0.1, len(one.fresh))
    one.claim("a", (values + 0.5, values))
    record = shown[1]["claim"][0]
    assert (record["verdict"], record["instead"]) == ("none", "")
    assert record["why_none"] == f"a check failed: {EQUAL}"
    assert "SUPPORTED" not in shown[1]["text/plain"]


def test_a_claim_wants_its_checks_first(register: Any) -> None:
    register(checks=[EQUAL])
    values = np.linspace(0, 1, 8)
    with pytest.raises(RegistryError, match=r"rests on .both sides take .*; check that first"):
        study().claim("a", (values, values))


def test_a_case_that_cannot_be_measured_says_why(register: Any, shown: Shown) -> None:
    register(case=[{"name": "x"}, {"name": "y"}])
    values = np.linspace(0, 1, 8)
    study().claim("a", {"x": (values, values), "y": "there is no GPU"})
    assert shown[0]["claim"][1]["verdict"] == "none"
    assert "There is no GPU" in shown[0]["text/html"]


@pytest.mark.parametrize(
    ("row", "control", "why"),
    [
        ({"metric": "loss"}, 0.0, "a ratio needs values above zero"),
        ({"metric": "loss"}, np.inf, "replicates [0] are not finite"),
        ({"metric": "accuracy"}, np.nan, "replicates [0] are not finite"),
        ({"metric": "exact"}, np.nan, "values are not finite"),
    ],
)
def test_on_other_data_a_side_without_an_effect_costs_its_case_alone(
    register: Any, shown: Shown, row: dict[str, str], control: float, why: str
) -> None:
    register(case=[{"name": "x"}, {"name": "y"}], **row)
    values = np.linspace(0.5, 1, 8)
    cases = {"x": (values, np.r_[control, values[1:]]), "y": (values, values)}
    study(dataset="mine").claim("a", cases)
    lost, kept = shown[0]["claim"]
    assert [lost["verdict"], kept["verdict"] == "none"] == ["none", False]
    assert lost["why_none"] == why
    assert f"<strong>{why[0].upper()}{why[1:]}</strong>" in shown[0]["text/html"]
    with pytest.raises(ValueError, match=re.escape(why)):
        study().claim("a", cases)


def test_a_script_prints_text_without_marks(
    register: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other tests may have started a shell, which a script has not.
    monkeypatch.setattr("IPython.core.interactiveshell.InteractiveShell.initialized", lambda: False)
    register(metric="time")
    one = study()
    times = np.linspace(1.0, 1.1, 8)
    one.claim("a", (0.5 * times, times))
    assert capsys.readouterr().out == "A <beats> B.\na: SUPPORTED\n"


def test_exact_claims_compare_to_a_tolerance(register: Any, shown: Shown) -> None:
    rounding = {"metric": "exact", "margin": 1e-2, "reason": "rounding"}
    register(case=[{"name": "near", **rounding}, {"name": "far", **rounding}], metric="exact")
    one = torch.tensor([1.0, 2.0])
    study().claim("a", {"near": (one, one + 1e-3), "far": (one, one + 1)})
    near, far = shown[0]["claim"]
    assert [near["verdict"], far["verdict"]] == ["supported", "contradicted"]
    assert far["effect"] == pytest.approx(1)
    with pytest.raises(ValueError, match=r"shapes differ: \(2,\) and \(1,\)"):
        study().claim("a", {"near": (one, one[:1]), "far": (one, one)})
    with pytest.raises(ValueError, match="not finite"):
        study().claim("a", {"near": (one, one * float("nan")), "far": (one, one)})


def test_the_summary_is_of_every_claim(register: Any, shown: Shown) -> None:
    register()
    one, values = study(), np.linspace(0, 0.1, 8)
    with pytest.raises(ValueError, match="no claim was made yet"):
        one.summary()
    one.claim("a", (values + 0.5, values))
    one.summary()
    assert shown[1]["summary"]
    assert shown[1]["text/html"].count("<!--measured-->") == 1
    assert "Supported" in shown[1]["text/html"]


def test_a_bad_setting_is_refused() -> None:
    with pytest.raises(ValueError, match=r"scale 'large' is unknown; use 'quick' or 'full'"):
        study(scale="large")
    for seed in ("1", 1.0, True, -1, 2**63):
        with pytest.raises(ValueError, match=r"give a whole number from 0"):
            study(seed=seed)
    with pytest.raises(ValueError, match="not on this machine"):
        study(device="cuda:99")


POOL, NUM_TRAIN, NUM_TEST, DRAWS = 100, 60, 20, 2000


def resplit(rng: np.random.Generator, count: int, block: int) -> NDArray[np.float64]:
    """Test accuracies (DRAWS, count) of least squares on five of ten features: one pool a draw.

    Both blocks of features tell as much of the class, so that the true difference is zero.
    """
    generator = np.random.default_rng(rng.integers(2**32))
    x, y = POOLS[0][..., 5 * block : 5 * block + 5], POOLS[1]
    order = generator.random((DRAWS, count, POOL)).argsort(-1) if block == 0 else ORDERS[count]
    ORDERS[count] = order
    here = np.arange(DRAWS)[:, None, None]
    train, test = order[..., :NUM_TRAIN], order[..., -NUM_TEST:]
    a, b = x[here, train], y[here, train][..., None]
    weights = np.linalg.solve(a.swapaxes(-1, -2) @ a + np.eye(5), a.swapaxes(-1, -2) @ b)
    said = (x[here, test] @ weights)[..., 0]
    return ((said > 0) == (y[here, test] > 0)).mean(-1)  # type: ignore[no-any-return]


def _pools() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(3)
    y = rng.choice([-1.0, 1.0], (DRAWS, POOL))
    return rng.normal(0, 1, (DRAWS, POOL, 10)) + 0.3 * y[..., None], y


POOLS = _pools()
ORDERS: dict[int, NDArray[np.int64]] = {}


@pytest.mark.parametrize("replicates", [8, 32])
def test_where_nothing_is_true_claim_is_wrong_in_one_study_of_twenty_at_most(
    register: Any, shown: Shown, replicates: int
) -> None:
    row: dict[str, Any] = {"margin": 0.0, "reason": "the hardest case: any effect would count"}
    register(
        replicates=[replicates, replicates],
        case=[{"name": "resplit"}, {"name": "naive", "resplit": False}],
        **row,
    )
    rng, one = np.random.default_rng(4), study()
    first, second = resplit(rng, replicates, 0), resplit(rng, replicates, 1)
    for a, b in zip(first, second, strict=True):
        one.claim("a", {"resplit": (a, b), "naive": (a, b)})
    assert len(one.records) == 2 * DRAWS
    false = {"resplit": 0, "naive": 0}
    for record in one.records:
        said = (record["verdict"], record["instead"])
        false[record["case"]] += said in (("supported", ""), ("contradicted", "the opposite"))
    assert false["resplit"] <= 0.05 * DRAWS
    assert false["naive"] > 0.10 * DRAWS  # else this simulation would show nothing


def test_the_same_arm_twice_makes_no_difference(register: Any) -> None:
    register()
    rng = np.random.default_rng(5)
    first, second = resplit(rng, 8, 0), resplit(rng, 8, 0)
    one, false = study(), 0
    for draw in range(DRAWS):
        values = {0: first[draw], 1: second[draw]}
        role = iter((0, 0, 1))  # tuning, fresh, again

        def train(runs: Any, values: Any = values, role: Any = role) -> Any:
            mine = values[next(role)][: len(runs)]
            return SimpleNamespace(last=_Frame(mine), test=lambda: _Frame(mine), draw=None)

        record = one.aa(one.tune(train, [{"lr": 1.0}]))
        said = record["verdict"], record["instead"]
        false += said not in (("undecided", ""), ("contradicted", "no difference that matters"))
    assert false <= 0.05 * DRAWS


class _Frame:
    """A column of scores, as `Runs` gives them."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        self.values = values

    def __getitem__(self, name: str) -> Any:
        return SimpleNamespace(to_numpy=lambda: self.values)


def test_what_measures_the_processor_says_so_on_any_device(shown: Shown, register: Any) -> None:
    register(processor=True, checks=[], replicates=[2, 2])
    one = study(recipe="one", device="cpu")
    one.device = torch.device("meta")  # stands for an accelerator
    one.claim("a", ([0.5, 0.6], [0.1, 0.3]))
    (record,) = one.records
    assert (record["device"], record["versions"]["device"]) == ("cpu", "cpu")
    register(replicates=[2, 2])
    one.claim("a", ([0.5, 0.6], [0.1, 0.3]))
    assert (one.records[1]["device"], one.records[1]["versions"]["device"]) == ("meta", "meta")
    assert one.records[0]["registered"] == one.records[1]["registered"]
