import pytest
import torch
from torch import nn
from torch.nn import functional

from recipes_lib.nets.models import LSTM, cnn, mlp, residual


@pytest.mark.parametrize("make_net", [mlp, cnn, LSTM])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 13, 9)])
def test_a_net_maps_images_to_logits(make_net: type[nn.Module], shape: tuple[int, ...]) -> None:
    assert make_net(shape, 7)(torch.rand(5, *shape)).shape == (5, 7)


def test_the_unrolled_lstm_is_torch_s() -> None:
    ours, theirs = LSTM((1, 6, 4), 3, hidden=5, width=8), nn.LSTM(8, 5, batch_first=True)
    weight, bias = ours.gates.weight.detach(), ours.gates.bias.detach()
    theirs.load_state_dict(
        {
            "weight_ih_l0": weight[:, :8],
            "weight_hh_l0": weight[:, 8:],
            "bias_ih_l0": bias,
            "bias_hh_l0": torch.zeros_like(bias),
        }
    )
    x = torch.rand(9, 1, 6, 4)
    torch.testing.assert_close(ours(x), ours.head(theirs(x.view(9, 3, 8))[0][:, -1]))


def test_a_cnn_is_what_it_says() -> None:
    torch.manual_seed(0)
    ours = cnn((1, 8, 8), 3, (4,)).eval()
    x = torch.rand(5, 1, 8, 8)
    conv, norm, head = ours[0], ours[1], ours[-1]
    seen = functional.max_pool2d(norm(functional.conv2d(x, conv.weight, padding=1)).relu(), 2)
    torch.testing.assert_close(ours(x), head(seen.flatten(1)))


def test_a_residual_net_adds_its_branches_and_stands_without_one() -> None:
    torch.manual_seed(0)
    net, x = residual((1, 4, 4), 3, width=8, depth=2), torch.rand(5, 1, 4, 4)
    read = net[1](x.flatten(1))
    first = read + net[2][3](net[2][1](read.relu()).relu())
    second = first + net[3][3](net[3][1](first.relu()).relu())
    torch.testing.assert_close(net(x), net[4](second))
    torch.testing.assert_close((net[:2] + net[3:])(x).shape, (5, 3))
    with pytest.raises(ValueError, match="depth"):
        residual((1, 4, 4), 3, depth=0)


def test_an_mlp_normalizes_before_each_relu_and_drops_after_it() -> None:
    net = mlp((1, 8, 8), 3, (4, 5), norm=nn.BatchNorm1d, dropout=0.5)
    assert [type(layer).__name__ for layer in net[1:4]] == ["Linear", "BatchNorm1d", "Sequential"]
    assert isinstance(net[3][0], nn.ReLU)
    assert net[3][1].p == 0.5
    plain, dropping = mlp((1, 8, 8), 3), mlp((1, 8, 8), 3, dropout=0.5)
    assert list(plain.state_dict()) == list(dropping.state_dict())
