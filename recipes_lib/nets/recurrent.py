"""A plain recurrent net, written out so that it can be stacked."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn


class RNN(nn.Module):
    """Read an image from its first value to its last, `width` values a step: (N, …) to logits (N,
    num_classes).

    The last step is filled up with zeros. The recurrent weights start as a rotation, which neither
    grows nor shrinks what passes through. What goes into each tanh is normalized by the layers that
    `norms` make, which take turns: one for all steps, or one for each.
    """

    def __init__(
        self,
        num_classes: int,
        hidden: int = 32,
        width: int = 1,
        norms: Sequence[Callable[[int], nn.Module]] = (nn.Identity,),
    ) -> None:
        super().__init__()
        self.enter = nn.Linear(width, hidden)
        self.again = nn.Linear(hidden, hidden, bias=False)
        self.head = nn.Linear(hidden, num_classes)
        self.norms = nn.ModuleList(norm(hidden) for norm in norms)
        nn.init.orthogonal_(self.again.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, num_classes) of images (N, …)."""
        width = self.enter.in_features
        flat = nn.functional.pad(x.flatten(1), (0, -x[0].numel() % width))
        state = flat.new_zeros(len(flat), self.head.in_features)
        for step, values in enumerate(flat.split(width, dim=1)):  # each (N, width)
            norm = self.norms[step % len(self.norms)]
            state = norm(self.enter(values) + self.again(state)).tanh()
        logits: Tensor = self.head(state)
        return logits
