import pytest
import torch
from skimage import data
from torchvision.models import EfficientNet_B0_Weights
from torchvision.transforms import v2

from recipes_lib.folders import as_images
from recipes_lib.pretrained import lite0

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
