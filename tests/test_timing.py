from collections import Counter
from functools import partial
from itertools import pairwise
from time import sleep

import numpy as np
import pytest
import torch

from recipes_lib.evidence.intervals import compare
from recipes_lib.evidence.study import Study
from recipes_lib.evidence.timing import race, race_over


@pytest.mark.parametrize("threads", [1, 2])
def test_rounds_begin_with_another_side_and_the_slower_takes_longer(threads):
    before, order = torch.get_num_threads(), []
    torch.set_num_threads(threads)
    sides = {
        "one": lambda: order.append(1) or sum(range(20_000)),
        "ten": lambda: order.append(10) or sum(range(200_000)),
    }
    times = race(sides, rounds=6, warm_up=2)
    torch.set_num_threads(before)
    assert order == [1, 10, 10, 1] * 4
    assert {name: len(values) for name, values in times.items()} == {"one": 6, "ten": 6}
    # Wall time, of which a busy machine may take a piece in any one round.
    assert np.median(times["ten"]) > np.median(times["one"])


@pytest.mark.parametrize("count", [2, 3, 6, 7])
def test_each_side_follows_each_other_one_equally_often(count: int) -> None:
    order: list[int] = []
    sides = {str(side): partial(order.append, side) for side in range(count)}
    rounds = count * (1 + count % 2)
    race(sides, rounds=rounds, warm_up=0)
    rows = np.reshape(order, (rounds, count))
    assert np.bincount(rows[:, 0]).tolist() == [rounds // count] * count
    pairs = Counter(pair for row in rows.tolist() for pair in pairwise(row))
    assert (len(pairs), len(set(pairs.values()))) == (count * (count - 1), 1)


def test_only_own_work_counts_on_one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    assert (
        torch.accelerator.is_available()
        or race({"sleep": lambda: sleep(0.02)}, rounds=2)["sleep"].max() < 0.01
    )
    assert race({"sleep": lambda: sleep(0.02)}, rounds=2, wall=True)["sleep"].min() >= 0.02
    torch.set_num_threads(before)


def test_work_done_elsewhere_counts_on_the_wall_clock() -> None:
    times = Study(device="cpu").race({"sleep": lambda: sleep(0.005)}, seconds=0, wall=True)
    assert times["sleep"].min() >= 0.005


def test_rounds_of_one_replicate_are_averaged(monkeypatch: pytest.MonkeyPatch) -> None:
    def clock(work):
        return work()

    monkeypatch.setattr("recipes_lib.evidence.timing._thread_seconds", clock)
    monkeypatch.setattr("recipes_lib.evidence.timing._seconds", clock)
    sides = {"one": lambda replicate: replicate, "ten": lambda replicate: 10 * replicate}
    times = race_over([1.0, 2.0, 5.0], sides, rounds=7)
    assert {name: list(values) for name, values in times.items()} == {
        "one": [1, 2, 5],
        "ten": [10, 20, 50],
    }


def test_rounds_are_added_until_the_ratio_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, clock = np.random.default_rng(0), iter(range(10**6))
    monkeypatch.setattr("recipes_lib.evidence.timing.perf_counter", lambda: next(clock) * 1e-3)
    noise = {"a": 0.3, "b": 0.3}
    monkeypatch.setattr(
        "recipes_lib.evidence.timing._seconds", lambda work: np.exp(rng.normal(0, noise[work()]))
    )
    monkeypatch.setattr("recipes_lib.evidence.timing._alone", lambda: False)
    sides = {"a": lambda: "a", "b": lambda: "b"}
    noisy = race(sides, rounds=10, seconds=1e9)
    assert len(noisy["a"]) == len(noisy["b"]) > 100
    low, high = compare(noisy["b"], noisy["a"], ratio=True).interval
    assert np.log(high / low) / 2 <= 0.02
    assert len(race(sides, rounds=10)["a"]) == 10  # without a budget, no more than was asked for
    assert len(race(sides, rounds=10, seconds=0.02)["a"]) < 40  # the budget is spent
    noise |= {"a": 1e-3, "b": 1e-3}
    assert len(race(sides, rounds=10, seconds=1e9)["a"]) == 10
