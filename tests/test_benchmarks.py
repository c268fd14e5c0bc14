import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import __main__ as command
from benchmarks import page, peers, single, work
from benchmarks.augmenting import augmenting
from benchmarks.deploying import forms_of
from benchmarks.growth import growth, linear_from
from benchmarks.importing import importing
from benchmarks.pace import Paced
from benchmarks.timing import Side, measure, peer, reached, row
from recipes_lib.book import speed
from recipes_lib.sweep.stacked import train_stacked

Work = Callable[[], None]


class Clock:
    """A clock that only work moves."""

    def __init__(self) -> None:
        self.now, self.order = 0.0, ""

    def __call__(self) -> float:
        return self.now

    def work(self, name: str, *seconds: float) -> Work:
        turns = iter(seconds)

        def run() -> None:
            self.order += name
            self.now += next(turns)

        return run


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_sides_take_turns_and_each_round_begins_with_another(clock: Clock) -> None:
    sides = [Side(name, clock.work(name, *[1] * 4)) for name in "abc"]
    sides.append(Side("d", clock.work("d", 1), rounds=1))
    measure(sides, 3, clock)
    assert clock.order == "abc" + "abcd" + "bca" + "cab"


def test_times_are_per_unit_and_ratios_are_taken_within_a_round(clock: Clock) -> None:
    sides = [
        Side("loop", clock.work("l", 99, 4, 8, 40), units=2),
        Side("stacked", clock.work("s", 99, 2, 2, 10), units=4, than="loop", reach="≥ 4"),
        Side(
            "slow",
            clock.work("f", 99, 4, 8, 80),
            units=2,
            than="loop",
            relation="× the time of",
            reach="≤ 1.5",
        ),
        Side(
            "share",
            clock.work("p", 99, 4, 8, 40),
            units=1,
            than="loop",
            relation="% of the speed of",
        ),
    ]
    times = measure(sides, 3, clock)
    assert times["loop"] == [2, 4, 20]
    stacked, slow, share = (row(side, times) for side in sides[1:])
    assert (stacked["min_us"], stacked["median_us"], stacked["rounds"]) == (0.5e6, 0.5e6, 3)
    assert (stacked["ratio"], stacked["quartiles"], stacked["reached"]) == (8, [6, 8], True)
    assert (slow["ratio"], slow["quartiles"], slow["reached"]) == (1, [1, 1.5], True)
    assert (share["ratio"], "reached" in share) == (50, False)


def test_a_side_may_report_its_own_seconds_and_set_its_threads(clock: Clock) -> None:
    seen = []
    sides = [
        Side("one", lambda: seen.append(torch.get_num_threads())),
        Side(
            "two",
            lambda: seen.append(torch.get_num_threads()) or 7.0,
            units=7,
            threads=2,
            reports=True,
        ),
    ]
    threads = torch.get_num_threads()
    try:
        assert measure(sides, 1, clock)["two"] == [1]
    finally:
        torch.set_num_threads(threads)
    assert seen == [1, 2] * 2


@pytest.mark.parametrize(
    ("ratio", "goal", "met"), [(2, "≥ 2", True), (1.9, "≥ 2", False), (1.03, "≤ 1.02", False)]
)
def test_a_goal_is_met_or_missed(ratio: float, goal: str, met: bool) -> None:
    assert reached(ratio, goal) is met


def test_a_missing_peer_is_skipped_and_said_so(clock: Clock) -> None:
    def make() -> Work:
        import a_library_that_nobody_has  # type: ignore[import-not-found]  # noqa: F401

        raise AssertionError

    missing = peer("other", make, than="loop", reach="≥ 2")
    times = measure([Side("loop", clock.work("l", 1, 1)), missing], 1, clock)
    record = row(missing, times)
    assert (list(times), record["skipped"]) == (
        ["loop"],
        "a_library_that_nobody_has is not installed",
    )
    assert "skipped: a_library_that_nobody_has is not installed" in speed.cells(record)


def test_a_sweep_turns_linear_where_more_nets_save_nothing() -> None:
    assert linear_from([1, 2, 4, 8, 16], [100, 50, 26, 25, 60]) == 4
    assert linear_from([1, 2, 4], [100, 100, 50]) == 4
    assert linear_from([1, 2], [100, 100]) == 1


def test_a_paced_sweep_trains_on_each_call_and_passes_errors_on() -> None:
    epochs: list[int] = []

    class Watched(Paced):
        def _gate(self, *seen: Any) -> None:
            epochs.append(seen[0])
            super()._gate(*seen)

    with Watched(2, 3, 1, strategy="stacked", splits=work.few_digits()) as paced:
        assert epochs == [1]  # all is set up
        paced()
        assert epochs == [1, 2, 3, 4]
    assert not paced.thread.is_alive()
    with pytest.raises(ValueError, match="strategy 'unknown'"):
        Paced(2, 1, 1, strategy="unknown")
    with pytest.raises(ValueError, match="trained in parts"):
        Paced(512, 1, 1, strategy="stacked")


def test_a_growing_sweep_counts_every_net_it_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[int] = []
    monkeypatch.setattr("recipes_lib.sweep.workers.LARGEST_STACK", 4)
    monkeypatch.setattr("recipes_lib.sweep.many.train_stacked", counting(trained))
    rows = growth(1, largest=32, num_epochs=1)["rows"]
    # Each side once to warm up and once timed: 16 nets a call, or all 32.
    assert (len(rows), sum(trained)) == (7, 2 * (5 * 16 + 32))
    assert max(trained) == 4


def counting(trained: list[int]) -> Callable[..., Any]:
    def train(make_net: Any, drawn: Any, runs: Any, rows: Any, **how: Any) -> Any:
        trained.append(len(runs))
        return train_stacked(make_net, drawn, runs, rows, **how)

    return train


def test_a_group_measured_anew_takes_its_place_and_says_where_it_was_measured() -> None:
    old, new = small_record(), small_record()
    new["groups"] = [{**new["groups"][1], "load": 9.0}]
    assert [group["load"] for group in command.merged(new, old)["groups"]] == [0.5, 9.0]
    another = {**new, "groups": [{**new["groups"][0], "title": "Another"}]}
    assert [group["load"] for group in command.merged(another, old)["groups"]] == [0.5, 0.5, 9.0]
    assert command.merged(new, old)["groups"][1]["note"] == old["groups"][1]["note"]
    elsewhere = command.merged({**new, "cores": 64}, old)["groups"][1]["note"]
    assert re.fullmatch(r".*Measured on .+, 64 cores\.", elsewhere)
    with pytest.raises(ValueError, match="differs in rounds"):
        command.merged({**new, "rounds": 64}, old)


def test_the_arithmetic_is_counted() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    splits, net = work.digits(), work.small_net()
    with FlopCounterMode(display=False) as counter:
        torch.nn.functional.cross_entropy(net(splits.train.x), splits.train.y).backward()
        with torch.no_grad():
            net(splits.valid.x)
    assert work.flops(1) == counter.get_total_flops()


def test_a_row_is_measured_from_end_to_end() -> None:
    group = single.overhead(1, num_epochs=2)
    assert [row["rounds"] for row in group["rows"]] == [1, 1, 1]
    assert "fit" in page.lines(group)


def test_imports_are_timed_in_fresh_processes() -> None:
    rows = importing(1)["rows"]
    assert [row["rounds"] for row in rows] == [1, 1, 1]
    assert all(row["median_us"] > 1e5 for row in rows)  # torch takes longer than that
    assert rows[1]["ratio"] > 0  # how much, a busy machine may not tell


def test_the_cost_of_augmentation_is_counted_without_the_delivery() -> None:
    plain, per_image, per_batch = augmenting(1)["rows"]
    assert plain["median_us"] > 0
    assert per_image["median_us"] > per_batch["median_us"]
    assert (per_batch["than"], per_batch["reach"]) == (per_image["side"], "≥ 20")


@pytest.mark.filterwarnings("ignore")
def test_every_form_that_is_timed_answers_as_the_net_does() -> None:
    torch.manual_seed(0)
    net, x = work.small_cnn().eval(), work.images().train.x[: work.BATCH_SIZE]
    expected = net(x)
    for name, make in forms_of(net).items():
        answers = torch.as_tensor(make()(x))
        tolerance = 0.05 * expected.abs().max() if "int8" in name else 1e-4
        assert (answers - expected).abs().max() < tolerance, name


@pytest.mark.parametrize("name", peers.TRAINERS)
def test_a_peer_that_is_installed_trains(name: str) -> None:
    side = peer(name, lambda: peers.TRAINERS[name](1, 0.1))
    if side.skipped:
        pytest.skip(side.skipped)
    side.work()


def small_record() -> dict[str, Any]:
    loop: dict[str, Any] = {
        "side": "the loop",
        "threads": 1,
        "rounds": 9,
        "min_us": 200.0,
        "median_us": 220.4,
    }
    fast = {
        **loop,
        "side": "2",
        "median_us": 110.2,
        "ratio": 2.0,
        "quartiles": [1.9, 2.1],
        "than": "the loop",
    }
    fast |= {"relation": "× the speed of", "reach": "≥ 3", "reached": False, "rounds": 2}
    group = {
        "title": "Small < nets",
        "unit": "step",
        "note": "A note.",
        "load": 0.5,
        "rows": [loop, fast],
    }
    growing = {
        **group,
        "title": "Growth",
        "rows": [loop, {**fast, "side": "1"}, fast],
        "sizes": [1, 2],
        "linear_from": 2,
    }
    machine = {"processor": "A processor", "python": "3.11"}
    record = {"date": "2030-01-02T03:04:05", "rounds": 9, "machine": machine, "cores": 2}
    return record | {"versions": {"torch": "2.15", "absent": None}, "groups": [group, growing]}


def test_the_page_has_a_table_and_a_figure(tmp_path: Path) -> None:
    assert speed.to_markdown(tmp_path).startswith("*Nothing is measured yet")
    command.write(small_record(), tmp_path)
    assert json.loads((tmp_path / speed.TABLE).read_text()) == small_record()
    text = speed.to_markdown(tmp_path)
    table, figure = text.split("\n\n")
    assert "<strong>Small &lt; nets</strong>, µs per step<br><small>A note.</small>" in table
    cells = (
        "2",
        "1",
        "110 (200), 2 rounds",
        "2.00× the speed of the loop (1.90 to 2.10)",
        "≥ 3: missed",
    )
    assert "".join(f"<td>{cell}</td>" for cell in cells) in table
    assert "Growth" not in table
    assert (
        "2030-01-02 in 9 rounds on A processor, 2 cores, load average 0.5 to 0.5; "
        "Python 3.11, torch 2.15." in table
    )
    assert "falls up to 2 nets" in figure
    assert (tmp_path / speed.FIGURE).read_bytes().startswith(b"\x89PNG")


def test_no_rounds_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "--rounds", "0"])
    with pytest.raises(SystemExit):
        command.main()
    assert "take at least 1" in capsys.readouterr().err
