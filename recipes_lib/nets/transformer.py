"""A small transformer, written out so that it can be stacked."""

import torch
from torch import Tensor, nn


class TinyTransformer(nn.Module):
    """Images as tokens: (N, …) of `num_values` values each to logits (N, num_classes).

    An image is cut into `num_tokens` equal parts, the last filled up with zeros. `embed` and `head`
    are the matrices outside of the `blocks`.
    """

    def __init__(
        self,
        num_values: int,
        num_classes: int,
        width: int = 16,
        num_tokens: int = 4,
        num_blocks: int = 2,
    ) -> None:
        super().__init__()
        self.empty = -num_values % num_tokens
        self.embed = nn.Linear((num_values + self.empty) // num_tokens, width)
        self.place = nn.Parameter(0.02 * torch.randn(num_tokens, width))
        self.blocks = nn.Sequential(*[Block(width) for _ in range(num_blocks)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, num_classes) of images (N, …)."""
        flat = nn.functional.pad(x.flatten(1), (0, self.empty))
        tokens = self.embed(flat.unflatten(1, (len(self.place), -1))) + self.place
        logits: Tensor = self.head(self.norm(self.blocks(tokens)).mean(1))
        return logits


class Block(nn.Module):
    """Attention with one head, then an MLP, each normalized on a residual branch: (N, tokens,
    width) to the same.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens (N, tokens, width) of tokens."""
        query, key, value = self.qkv(self.norm1(x)).chunk(3, dim=-1)
        weights = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1)  # (N, tokens, tokens)
        x = x + self.out(weights @ value)
        grown: Tensor = x + self.down(self.up(self.norm2(x)).relu())
        return grown
