"""What transfer needs of a net in parts (`pretrained`): frozen features, a control, fine-tuning."""

from copy import deepcopy
from itertools import chain, islice, repeat

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from recipes_lib.data.splits import Split, batches
from recipes_lib.optim.rules import rule
from recipes_lib.optim.stock import stock_optimizer


class Features:
    """The features of a body that stays as it is. Each image goes through it once.

    Images (N, C, H, W) become features (N, width) on their device, from a copy of the body in
    evaluation mode, so that BatchNorm keeps its statistics. Equal images share an entry.

    >>> features = Features(lite0())
    >>> features(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 1280])
    """

    def __init__(self, net: nn.Sequential) -> None:
        self.body = deepcopy(net[:-1]).eval()
        self._seen: dict[bytes, Tensor] = {}

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """Return features (N, width) of images (N, C, H, W)."""
        keys = [image.numpy().tobytes() for image in x.cpu()]
        places = {key: place for place, key in enumerate(keys) if key not in self._seen}
        for rows in torch.tensor(list(places.values()), dtype=torch.long).split(64):
            new = self.body(x[rows.to(x.device)]).float().cpu()
            self._seen |= {keys[row]: one for row, one in zip(rows.tolist(), new, strict=True)}
        return torch.stack([self._seen[key] for key in keys]).to(x.device)


def random_twin(net: nn.Sequential, x: Tensor, seed: int) -> nn.Sequential:
    """Return the same layers with random weights: what is left without training.

    The weights come from `seed`, and BatchNorm has the statistics of the images `x` (N, C, H, W).
    """
    twin = deepcopy(net)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for layer in twin.modules():
            if callable(reset := getattr(layer, "reset_parameters", None)):
                reset()
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 1.0  # keep the statistics of this one batch, not a running mean
        twin.train()(x)
    return twin.eval()


def fine_tune(
    net: nn.Sequential, train: Split, *, lr: float, num_steps: int, batch_size: int, seed: int = 0
) -> Tensor:
    """Train every weight of `net` in place with AdamW; return the loss of each step (num_steps,).

    The net stays in evaluation mode: BatchNorm keeps the statistics of its source, which a few
    small batches would only spoil. `seed` draws the order of the images, epoch after epoch.
    """
    net.eval()
    stepper = stock_optimizer(net.parameters(), rule("adamw"), {"lr": lr})
    generator = torch.Generator().manual_seed(seed)
    epochs = (batches(train, batch_size, generator) for _ in repeat(None))
    losses = []
    for x, y in islice(chain.from_iterable(epochs), num_steps):
        loss = cross_entropy(net(x), y)
        loss.backward()
        stepper.step()
        stepper.zero_grad()
        losses.append(loss.detach())
    return torch.stack(losses)
