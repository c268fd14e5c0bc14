"""Masks on many nets at once: what they leave, where they fall, and that training holds them."""

from copy import deepcopy
from functools import partial

import pytest
import torch
from test_many import draw, small_cnn, small_mlp, some_runs, sweep
from torch.testing import assert_close

from recipes_lib.sweep.masks import fit_on, held, largest, masked, scattered, smallest, zeros
from recipes_lib.train import fit


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


def test_the_largest_of_each_layer_are_left_by_their_counts() -> None:
    weights = {"a": torch.tensor([[[1.0, -9.0, 4.0]], [[5.0, 6.0, -7.0]]]), "b": torch.ones(2, 1)}
    assert largest(weights, {"a": 2})["a"].flatten(1).tolist() == [
        [False, True, True],
        [False, True, True],
    ]
    assert largest(weights, {"a": 1})["a"].sum() == 2


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


def test_copies_of_nets_train_on_with_the_zeros_of_their_row() -> None:
    runs = [{"lr": 0.1, "seed": seed} for seed in (5, 3)]
    before = sweep(runs, num_epochs=None, num_steps=2, dtype=torch.float32)
    nets = {seed: before.net(row) for row, seed in enumerate((5, 3))}
    masks = smallest(before.weights, 0.5)
    for row, net in enumerate(masked(nets, masks).values()):
        assert (net.get_parameter("1.weight") != 0).equal(masks["1.weight"][row])
    how: dict[str, int] = {"num_steps": 3, "batch_size": 8}
    images = partial(draw, dtype=torch.float32)
    # In another order than that of the nets, and one of them twice.
    again = [{"lr": lr, "seed": seed} for lr, seed in ((0.1, 3), (0.1, 5), (0.2, 3))]
    after = fit_on(nets, images, again, masks=masks, **how).weights
    for row, place in enumerate((1, 0, 1)):
        assert (after["1.weight"][row] != 0).equal(masks["1.weight"][place])
    more = fit_on(nets, images, again, masks=masks, plan={2: 0.8}, **how)
    assert zeros(more.weights).min() > 0.75
    free = fit_on(nets, images, again, **how)
    alone = deepcopy(nets[5])
    fit(alone, images(5), lr=0.1, seed=5, **how)
    assert_close(free.weights["1.weight"][1], alone[1].weight.detach())
    assert before.weights["1.weight"][0].equal(nets[5][1].weight)
