"""Muon on the matrices that a net calls hidden: stacked, alone, and by hand with torch's own."""

import pytest
import torch
from torch import Tensor, nn

from recipes_lib import Split, Splits, fit_many, grid
from recipes_lib.optim.hidden import muon_on, orthogonal


def make_net() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)
    )


def is_hidden(name: str) -> bool:
    return name.startswith("3.")


def splits(seed: int) -> Splits:
    generator = torch.Generator().manual_seed(seed)
    train, valid, test = (
        Split(torch.randn(n, 1, 2, 2, generator=generator), torch.arange(n) % 3)
        for n in (24, 12, 12)
    )
    return Splits(train, valid, test, classes=("a", "b", "c"))


def train(strategy: str) -> dict[str, Tensor]:
    runs = grid(lr=[0.01, 0.03], seed=[0, 1])
    rule = muon_on(make_net(), is_hidden)
    how = {"num_steps": 5, "batch_size": 24, "optimizer": rule, "strategy": strategy}
    return fit_many(make_net, splits, runs, **how).weights  # type: ignore[arg-type]


def test_nets_trained_together_end_where_torch_takes_them_one_by_one() -> None:
    together, alone = train("stacked"), train("sequential")
    # torch's Muon works in bfloat16, which has three digits.
    for name, weight in together.items():
        torch.testing.assert_close(weight, alone[name], rtol=0, atol=2e-3)


def test_only_hidden_matrices_are_turned() -> None:
    torch.manual_seed(1)
    by_hand = make_net()
    rest = [weight for name, weight in by_hand.named_parameters() if name != "3.weight"]
    hidden = [by_hand[3].weight]  # type: ignore[index]
    steppers = [
        torch.optim.Muon(hidden, 0.03, weight_decay=1e-2, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, 0.03),
    ]
    data = splits(1).train
    for _ in range(5):  # the batch is all there is, in whatever order
        nn.functional.cross_entropy(by_hand(data.x), data.y).backward()
        for stepper in steppers:
            stepper.step()
            stepper.zero_grad()
    for name, weight in train("stacked").items():
        torch.testing.assert_close(weight[3], by_hand.state_dict()[name], rtol=0, atol=2e-3)


def test_singular_values_come_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((3, 8, 5), (2, 5, 8)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert values.min() > 0.5
        assert values.max() < 1.3


def test_a_net_without_hidden_matrices_is_refused() -> None:
    with pytest.raises(ValueError, match="no matrix is hidden"):
        muon_on(make_net(), lambda name: name.endswith("bias"))
