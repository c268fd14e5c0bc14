from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from recipes_lib.nets.models import mlp
from recipes_lib.sweep.mlp import Chain, chain_of

NUM_NETS, NUM_IMAGES = 3, 5
shared = nn.ReLU()
CHAINS: dict[str, Callable[[], nn.Sequential]] = {
    "mlp": lambda: mlp((1, 2, 3), 4, (7, 5)),
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 4)),
    "tanh": lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4)),
    "sigmoid": lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 5), nn.Sigmoid(), nn.Linear(5, 4)),
    "without a bias": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(6, 5, bias=False), nn.ReLU(), nn.Linear(5, 4)
    ),
    "two in a row": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(6, 5), nn.Linear(5, 4), nn.ReLU()
    ),
    "nested": lambda: nn.Sequential(
        nn.Flatten(), nn.Sequential(nn.Linear(6, 5), nn.ReLU()), nn.Linear(5, 4)
    ),
    "one activation twice": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(6, 5), shared, nn.Linear(5, 5), shared, nn.Linear(5, 4)
    ),
}


class OwnNet(nn.Sequential):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)  # type: ignore[no-any-return]


def tied() -> nn.Sequential:
    layer = nn.Linear(6, 6)
    return nn.Sequential(nn.Flatten(), layer, nn.ReLU(), layer)


def frozen() -> nn.Sequential:
    net = mlp((1, 2, 3), 4)
    net[1].requires_grad_(False)
    return net


OTHERS: dict[str, Callable[[], nn.Module]] = {
    "no flattening": lambda: nn.Sequential(nn.Linear(6, 4)),
    "flattening otherwise": lambda: nn.Sequential(nn.Flatten(2), nn.Linear(6, 4)),
    "nothing to train": lambda: nn.Sequential(nn.Flatten()),
    "dropout": lambda: nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(6, 4)),
    "two activations": lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.ReLU(), nn.Tanh()),
    "an activation first": lambda: nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(6, 4)),
    "a forward of its own": lambda: OwnNet(nn.Flatten(), nn.Linear(6, 4)),
    "a class": lambda: nn.ModuleList([nn.Flatten(), nn.Linear(6, 4)]),
    "a layer used twice": tied,
    "a frozen layer": frozen,
}


def chain(net: nn.Module) -> Chain:
    found = chain_of(net)
    assert found
    return found


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize(
    "smoothing", [0.0, 0.2, torch.tensor([[0.0], [0.1], [0.3]], dtype=torch.float64)]
)
def test_outputs_losses_and_gradients_are_those_of_autograd(
    name: str, smoothing: float | torch.Tensor
) -> None:
    nets = [CHAINS[name]().double() for _ in range(NUM_NETS)]
    weights = {
        key: torch.stack([net.state_dict()[key] for net in nets]) for key in nets[0].state_dict()
    }
    x = torch.randn(NUM_NETS, NUM_IMAGES, 1, 2, 3, dtype=torch.float64)
    y = torch.randint(0, 4, (NUM_NETS, NUM_IMAGES))
    outputs = chain(nets[0]).outputs(weights, x)
    gradients, losses = chain(nets[0]).gradients(weights, x, y, smoothing)
    assert sorted(gradients) == sorted(weights)
    for run, net in enumerate(nets):
        share = float(smoothing[run]) if isinstance(smoothing, torch.Tensor) else smoothing
        loss = F.cross_entropy(net(x[run]), y[run], label_smoothing=share)
        loss.backward()
        torch.testing.assert_close(outputs[run], net(x[run]))
        torch.testing.assert_close(losses[run], loss)
        for key, weight in net.named_parameters():
            torch.testing.assert_close(gradients[key][run], weight.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", OTHERS)
def test_a_net_that_is_no_chain_is_told_apart(name: str) -> None:
    assert chain_of(OTHERS[name]()) is None
