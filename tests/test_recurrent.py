"""The plain recurrent net against torch's own."""

import pytest
import torch
from torch import nn

from recipes_lib.nets.recurrent import RNN


@pytest.mark.parametrize("width", [1, 2, 3])
def test_it_computes_what_torch_computes(width: int) -> None:
    torch.manual_seed(0)
    net, theirs = RNN(4, hidden=5, width=width), nn.RNN(width, 5, batch_first=True)
    mine = net.state_dict()
    theirs.load_state_dict(
        {
            "weight_ih_l0": mine["enter.weight"],
            "bias_ih_l0": mine["enter.bias"],
            "weight_hh_l0": mine["again.weight"],
            "bias_hh_l0": torch.zeros(5),
        }
    )
    x = torch.randn(6, 1, 2, 4)
    steps = nn.functional.pad(x.flatten(1), (0, -8 % width)).unflatten(1, (-1, width))
    torch.testing.assert_close(net(x), net.head(theirs(steps)[0][:, -1]))


def test_norms_stand_before_each_tanh_and_take_turns() -> None:
    seen: list[int] = []

    class Marked(nn.Module):
        def __init__(self, hidden: int) -> None:
            super().__init__()
            self.hidden = hidden

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(id(self))
            return 0 * x

    net = RNN(4, hidden=5, width=2, norms=[Marked, Marked])
    assert net(torch.randn(6, 1, 2, 4)).equal(net.head(torch.zeros(6, 5)))
    assert seen[0] == seen[2] != seen[1] == seen[3]
