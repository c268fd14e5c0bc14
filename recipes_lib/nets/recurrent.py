"""A plain recurrent net, written out so that it can be stacked."""

from torch import Tensor, nn


class RNN(nn.Module):
    """Read an image from its first value to its last, `width` values a step: (N, …) to logits (N,
    num_classes).

    The last step is filled up with zeros. The recurrent weights start as a rotation, which neither
    grows nor shrinks what passes through.
    """

    def __init__(self, num_classes: int, hidden: int = 32, width: int = 1) -> None:
        super().__init__()
        self.enter = nn.Linear(width, hidden)
        self.again = nn.Linear(hidden, hidden, bias=False)
        self.head = nn.Linear(hidden, num_classes)
        nn.init.orthogonal_(self.again.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, num_classes) of images (N, …)."""
        width = self.enter.in_features
        flat = nn.functional.pad(x.flatten(1), (0, -x[0].numel() % width))
        state = flat.new_zeros(len(flat), self.head.in_features)
        for values in flat.split(width, dim=1):  # each (N, width)
            state = (self.enter(values) + self.again(state)).tanh()
        logits: Tensor = self.head(state)
        return logits
