import json

import pytest
import timm
import torch
import torchvision
from safetensors.torch import load_file
from skimage import data
from torchvision.models import EfficientNet_B0_Weights
from torchvision.transforms import v2

from recipes_lib.data.folders import as_images
from recipes_lib.nets.imagenet import lite0, pretrained, save

CLASSES = EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]


def photograph(name):
    crop = v2.Compose([v2.Resize(256, v2.InterpolationMode.BICUBIC), v2.CenterCrop(224)])
    return crop(as_images(getattr(data, name)()[None])).clamp(0, 1)


@pytest.mark.parametrize(
    ("name", "likely"),
    [("chelsea", {"tabby", "tiger cat", "Egyptian cat"}), ("coffee", {"espresso"})],
)
def test_pretrained_weights_name_what_a_photograph_shows(name, likely):
    with torch.no_grad():
        best = lite0().eval()(photograph(name)).topk(len(likely)).indices[0]
    assert {CLASSES[index] for index in best} == likely


def test_grey_pictures_and_other_classes_pass():
    net = lite0(6).eval()
    assert net(torch.zeros(2, 1, 40, 56)).shape == (2, 6)
    assert net.body(net.pixels(torch.zeros(2, 3, 32, 32))).shape == (2, 1280)


def restored(folder, make):
    about = json.loads((folder / "model.json").read_text())
    net = make(about["model"], num_classes=len(about["classes"])).eval()
    net.load_state_dict(load_file(folder / "model.safetensors"))
    return net, about


def test_a_saved_net_is_timm_s_own(tmp_path):
    net = pretrained("lite0", 3).eval()
    save(net, "lite0", tmp_path / "new", ("ant", "bee", "fly"), 40)
    own, about = restored(tmp_path / "new", timm.create_model)
    assert (about["library"], about["classes"], about["image_size"]) == (
        "timm",
        ["ant", "bee", "fly"],
        40,
    )
    x = torch.rand(2, 3, 40, 40)
    mean, std = (torch.tensor(about[name]).view(3, 1, 1) for name in ("mean", "std"))
    with torch.no_grad():
        torch.testing.assert_close(own((x - mean) / std), net(x))


def test_torchvision_s_weights_come_apart_and_together_again(tmp_path, monkeypatch):
    make, weights = torchvision.models.get_model, torchvision.models.ResNet18_Weights
    monkeypatch.setattr(
        "torchvision.models.get_model", lambda name, weights=None, **rest: make(name, **rest)
    )
    net = pretrained("resnet18", 2).eval()
    assert net.body(net.pixels(torch.zeros(1, 1, 64, 64))).shape == (1, 512)
    assert list(net.pixels[1].mean) == weights.DEFAULT.transforms().mean
    save(net, "resnet18", tmp_path, ("ant", "bee"), 64)
    own, _ = restored(tmp_path, make)
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(own(net.pixels(x)), net(x))
    with pytest.raises(
        ValueError, match="weights 'resnet' are unknown; use 'lite0' or a model of torchvision"
    ):
        pretrained("resnet")


def test_pixels_are_scaled_as_the_weights_of_lite0_want_them() -> None:
    """As TensorFlow's models take them: (value - 127) / 128 of values in 0 … 255."""
    values = torch.tensor([0.0, 127.0, 255.0]).view(3, 1, 1, 1).expand(3, 3, 32, 32)
    scaled = lite0().get_submodule("pixels")(values / 255)[:, :, 0, 0]
    expected = torch.tensor([-127 / 128, 0.0, 1.0])[:, None].expand(3, 3)
    torch.testing.assert_close(scaled, expected, atol=1e-6, rtol=0)
