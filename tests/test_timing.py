from time import sleep

import pytest
import torch

from recipes_lib.evidence.timing import race


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
    assert (times["ten"] > times["one"]).all()


def test_only_own_work_counts_on_one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    assert (
        torch.accelerator.is_available()
        or race({"sleep": lambda: sleep(0.02)}, rounds=2)["sleep"].max() < 0.01
    )
    torch.set_num_threads(before)
