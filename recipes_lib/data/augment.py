"""Augment a batch where it lies: each image (N, C, H, W) in 0 … 1 with a draw of its own, in a few
kernels.

A transform of `torchvision.transforms.v2` draws once for all the images that it is given, so a
whole batch would be turned by one angle. These draw once for each image; `mixup` and `cutmix` once
for a batch, as their authors do. All map (x, y) to (x, y), as `fit(augment=…)` wants them, and draw
from torch's global generator. A stacked sweep calls them once a step, for all its runs.
"""

from collections.abc import Callable
from math import radians

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipes_lib.given import check_share, number, whole

Augment = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def chain(*augments: Augment) -> Augment:
    """Apply one after another."""

    def apply(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        for augment in augments:
            x, y = augment(x, y)
        return x, y

    return apply


def affine(degrees: float = 0.0, shift: float = 0.0, zoom: float = 0.0) -> Augment:
    """Turn by up to `degrees` either way, shift by up to `shift` of each side, zoom by a factor of
    1 ± `zoom`.

    What comes in from outside is zero.
    """
    check_share("shift", shift)
    check_share("zoom", zoom)

    def apply(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        turn, grow, across, down = x.new_empty(4, len(x)).uniform_(-1, 1).unbind()
        moves = torch.stack([across, down], 1) * shift
        return warp(x, turn * radians(degrees), 1 + grow * zoom, moves), y

    return apply


def warp(x: Tensor, angles: Tensor, zooms: Tensor, shifts: Tensor) -> Tensor:
    """Turn images (N, C, H, W) by angles (N,), radians clockwise, zoom by (N,), shift by (N, 2) of
    width and height.
    """
    height, width = x.shape[2:]
    cos, sin, ratio = angles.cos() / zooms, angles.sin() / zooms, height / width
    # Sampling looks up, for each new pixel, its place in the old image; both run from -1 to 1 along
    # each side.
    across, down = (
        (2 * torch.arange(side, dtype=x.dtype, device=x.device) + 1) / side - 1
        for side in (width, height)
    )
    across, down = across - 2 * shifts[:, :1], down - 2 * shifts[:, 1:]  # (N, W), (N, H)
    # One sum for all pixels: `affine_grid` multiplies small matrices instead, and takes longer than
    # the sampling.
    along = torch.stack([cos, -sin / ratio], 1)[:, :, None] * across[:, None]  # (N, 2, W)
    aside = torch.stack([sin * ratio, cos], 1)[:, :, None] * down[:, None]  # (N, 2, H)
    places = (along[:, :, None] + aside[..., None]).movedim(1, 3)  # (N, H, W, 2)
    return F.grid_sample(x, places, align_corners=False)


def crop(padding: int) -> Augment:
    """Pad with `padding` zero pixels on each side and cut an image of the old size anywhere."""

    whole("padding", padding, 0)

    def apply(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        windows = F.pad(x, (padding,) * 4).unfold(2, x.shape[2], 1).unfold(3, x.shape[3], 1)
        top, left = torch.randint(2 * padding + 1, (2, len(x)), device=x.device)
        return windows[torch.arange(len(x), device=x.device), :, top, left], y

    return apply


def flip(p: float = 0.5) -> Augment:
    """Mirror left and right with probability `p`."""
    check_share("p", p)

    def apply(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return torch.where(torch.rand(len(x), 1, 1, 1, device=x.device) < p, x.flip(3), x), y

    return apply


def erase(share: float = 0.25, p: float = 0.5) -> Augment:
    """Blank with probability `p` a rectangle of up to `share` of the area (Zhong et al. 2017,
    arXiv:1708.04896).
    """
    check_share("share", share)
    check_share("p", p)

    def apply(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        area, form, down, across, chance = torch.rand(5, len(x), 1, 1, 1, device=x.device).unbind()
        area, form = share * area, 3 ** (2 * form - 1)  # a third to three times as high as wide
        height, width = ((area * form) ** 0.5).clamp(max=1), ((area / form) ** 0.5).clamp(max=1)
        rows = torch.linspace(0, 1, x.shape[2], device=x.device)[:, None] - down * (1 - height)
        columns = torch.linspace(0, 1, x.shape[3], device=x.device) - across * (1 - width)
        inside = (rows >= 0) & (rows < height) & (chance < p) & ((columns >= 0) & (columns < width))
        return x.masked_fill(inside, 0.0), y

    return apply


def mixup(num_classes: int, alpha: float = 1.0) -> Augment:
    """Blend each image with the next of the batch, by a share from Beta(`alpha`, `alpha`); labels
    (N,) become shares (N, num_classes) (Zhang et al. 2018, arXiv:1710.09412).

    As `v2.MixUp`, whose draw is a number of Python: runs of a sweep could not have one each.
    """
    draw = _beta(alpha)

    def apply(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        share, y = draw(x), _shares(y, num_classes, x)
        return share * x + (1 - share) * x.roll(1, 0), share * y + (1 - share) * y.roll(1, 0)

    return apply


def cutmix(num_classes: int, alpha: float = 1.0) -> Augment:
    """Paste a rectangle of the next image of the batch into each, of an area from Beta(`alpha`,
    `alpha`) and cut off at the edge; labels become shares of area (Yun et al. 2019,
    arXiv:1905.04899).
    """
    draw = _beta(alpha)

    def apply(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        half = (1 - draw(x)).sqrt() / 2
        rows, columns = (_near(side, half, x) for side in x.shape[2:])
        inside = rows[:, None] & columns
        share, y = 1 - inside.to(x.dtype).mean(), _shares(y, num_classes, x)
        return torch.where(inside, x.roll(1, 0), x), share * y + (1 - share) * y.roll(1, 0)

    return apply


def _near(side: int, half: Tensor, x: Tensor) -> Tensor:
    """Say which places of a side lie within `half` of its length of a random one."""
    away = torch.arange(side, device=x.device) - torch.randint(side, (), device=x.device)
    reach = (half * side).floor()
    return (away >= -reach) & (away < reach)


def _beta(alpha: float, steps: int = 1000) -> Callable[[Tensor], Tensor]:
    """Return a function that draws from Beta(`alpha`, `alpha`), one of its quantiles by chance:
    torch's own draw cannot be mapped over runs.
    """
    if not number("alpha", alpha) > 0:
        raise ValueError(f"alpha is {alpha!r}; give a number above 0")
    from scipy.special import betaincinv  # late: it takes a sixth of a second

    middles = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
    quantiles = torch.as_tensor(betaincinv(alpha, alpha, middles.numpy()))

    def draw(x: Tensor) -> Tensor:
        return quantiles.to(x.dtype).to(x.device)[torch.randint(steps, (), device=x.device)]

    return draw


def _shares(y: Tensor, num_classes: int, x: Tensor) -> Tensor:
    return (y[:, None] == torch.arange(num_classes, device=x.device)).to(x.dtype)


def in_groups(transform: nn.Module, size: int = 8) -> Augment:
    """Apply a transform of `torchvision.transforms.v2` to groups of `size` images, each with one
    draw.

    For those that have no batch form, such as `v2.RandAugment`: smaller groups mix more, larger
    groups cost less.
    """

    whole("size", size)

    def apply(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return _InGroups.apply(x, transform, size), y

    return apply


class _InGroups(torch.autograd.Function):
    """Groups of images (…, N, C, H, W). In a sweep a group holds those of all runs, with one draw:
    what has no batch form has none over runs, either.
    """

    @staticmethod
    def forward(x: Tensor, transform: nn.Module, size: int) -> Tensor:
        groups = x.split(size, -4)
        return torch.cat(
            [transform(group.flatten(0, -4)).view(group.shape) for group in groups], -4
        )

    @staticmethod
    def setup_context(ctx: object, inputs: object, output: object) -> None:
        """Keep nothing: images have no gradient."""

    @staticmethod
    def vmap(
        info: object, dims: tuple[int, ...], x: Tensor, transform: nn.Module, size: int
    ) -> tuple[Tensor, int]:
        """Lead the images of all runs, (K, N, C, H, W), through one call a group."""
        return _InGroups.apply(x.movedim(dims[0], 0), transform, size), 0
