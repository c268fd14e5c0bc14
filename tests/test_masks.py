"""Masks on many nets at once: what they leave, where they fall, and that training holds them."""

import pytest
import torch
from test_many import small_cnn, small_mlp, some_runs, sweep
from torch.testing import assert_close

from recipes_lib.sweep.masks import held, scattered, smallest, zeros


def test_the_smallest_of_each_net_are_left_out_by_one_limit() -> None:
    weights = {
        "a.weight": torch.tensor([[[1.0, -9.0]], [[5.0, 6.0]]]),  # (2, 1, 2)
        "b.weight": torch.tensor([[[-2.0], [3.0]], [[-7.0], [8.0]]]),  # (2, 2, 1)
        "a.bias": torch.zeros(2, 1),
    }
    masks = smallest(weights, 0.5)
    assert masks.keys() == {"a.weight", "b.weight"}
    assert masks["a.weight"].flatten(1).tolist() == [[False, True], [False, False]]
    assert masks["b.weight"].flatten(1).tolist() == [[False, True], [True, True]]
    assert all(mask.all() for mask in smallest(weights, 0.0).values())
    assert_close(zeros({name: masks[name] * 1.0 for name in masks}), torch.tensor([0.5, 0.5]))


def test_scattered_masks_take_as_many_of_each_layer_elsewhere() -> None:
    weights = {name: torch.randn(2, 9, size) for name, size in (("a", 7), ("b", 4))}
    masks = smallest(weights, 0.7)
    found = scattered(masks, [3, 4])
    for name, mask in masks.items():
        assert found[name].flatten(1).sum(1).equal(mask.flatten(1).sum(1))
        assert not found[name].equal(mask)
        assert found[name].equal(scattered(masks, [3, 4])[name])
    same = scattered({"a": masks["a"][:1].expand(2, -1, -1)}, [3, 4])["a"]
    assert not same[0].equal(same[1])


@pytest.mark.parametrize("strategy", ["stacked", "sequential"])
@pytest.mark.parametrize("make_net", [small_mlp, small_cnn])
def test_what_is_held_stays_zero_and_grows_by_the_plan(strategy: str, make_net) -> None:
    runs, how = some_runs("sgd"), {"num_epochs": None, "strategy": strategy}
    start = sweep(runs, make_net, num_steps=1, **how).weights
    masks, shares = smallest(start, 0.25), []

    def observe(step, rows, weights):
        observer(step, rows, weights)
        shares.append(zeros(weights))

    observer = held(masks, {2: 0.5})
    end = sweep(runs, make_net, num_steps=4, after_step=observe, **how).weights
    share = torch.cat(shares).reshape(-1, 4) if strategy == "sequential" else torch.stack(shares, 1)
    wanted = torch.tensor([0.25, 0.5, 0.5, 0.5]).expand_as(share)
    assert_close(share.float(), wanted, atol=0.03, rtol=0)
    assert_close(zeros(end).float(), share[:, -1].float())
    assert all(mask.equal(smallest(start, 0.25)[name]) for name, mask in masks.items())


def test_a_net_that_shares_its_seed_holds_the_mask_of_its_row() -> None:
    runs = [{"lr": 0.1, "seed": 0}, {"lr": 0.1, "seed": 0}]
    start = sweep(runs, num_epochs=None, num_steps=1).weights
    masks = {name: mask for name, mask in smallest(start, 0.5).items() if name == "1.weight"}
    masks["1.weight"][1] = ~masks["1.weight"][1]
    end = sweep(runs, num_epochs=None, num_steps=3, after_step=held(masks)).weights["1.weight"]
    assert (end != 0).equal(masks["1.weight"])
