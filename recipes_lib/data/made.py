"""Made data: what is in it is known."""

from typing import Any

import torch
from scipy.signal import lfilter
from torch import Tensor

from recipes_lib.data.splits import Split, Splits


def texts(seed: int, *, rare: bool = True, noisy: bool = False, device: Any = "cpu") -> Splits:
    """Make 4,000 texts of 16 words as images (N, 1, 1, 256) of the words that are present.

    Each word has a hidden weight for each of four classes; a text belongs to the class whose
    weights sum highest. With `rare` a word's chance falls steeply with its place, else all words
    are drawn alike. With `noisy` the sums are blurred before the class is read off, so that it is
    a draw from their softmax.

    >>> texts(0).train.x.shape
    torch.Size([2000, 1, 1, 256])
    """
    generator = torch.Generator().manual_seed(seed)
    chances = (torch.arange(1.0, 257) ** (-1.5 if rare else 0.0)).expand(4000, 256)
    words = torch.multinomial(chances, 16, True, generator=generator)
    x = torch.zeros(4000, 256).scatter_(1, words, 1.0)
    sums = x @ torch.randn(256, 4, generator=generator)
    uniform = torch.rand(4000, 4, generator=generator).clamp(min=1e-9)
    if noisy:
        sums = sums - (-uniform.log()).log()  # Gumbel's noise
    y, x = sums.argmax(1).to(device), x[:, None, None].to(device)
    parts = ((0, 2000), (2000, 3000), (3000, 4000))
    train, valid, test = (Split(x[first:last], y[first:last]) for first, last in parts)
    return Splits(train, valid, test, classes=("a", "b", "c", "d"))


def stream(
    seed: int, *, mixed: bool = False, num_points: int = 1000, size: int = 8
) -> tuple[Tensor, Tensor, Tensor]:
    """Make points (num_points, size) that each depend on the last, their noisy values on a line
    (num_points,), and its slopes (size,). With `mixed` the same points come in a random order.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(num_points, size, generator=generator)
    follow = lfilter([(1 - 0.95**2) ** 0.5], [1, -0.95], drawn.numpy(), axis=0)
    x = torch.as_tensor(follow, dtype=torch.float32)
    slopes = torch.randn(size, generator=generator)
    y = x @ slopes + torch.randn(num_points, generator=generator)
    order = torch.randperm(num_points, generator=generator)
    return (x[order], y[order], slopes) if mixed else (x, y, slopes)
