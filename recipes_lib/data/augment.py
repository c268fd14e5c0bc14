"""Augment a batch where it lies: each image (N, C, H, W) in 0 … 1 with a draw of its own, in a few
kernels.

A transform of `torchvision.transforms.v2` draws once for all the images that it is given, so a
whole batch would be turned by one angle. These draw once for each image. `v2.MixUp` and `v2.CutMix`
mix a batch and need nothing from here. All map (x, y) to (x, y), as `fit(augment=…)` wants them,
and draw from torch's global generator. A stacked sweep calls them once a step, for all its runs.
"""

from collections.abc import Callable
from math import radians

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipes_lib.given import check_share, whole

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
