"""What cannot be trained with, or on, is refused here in one line before anything starts."""

from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipes_lib.data.splits import Split, Splits
from recipes_lib.given import check_share, whole
from recipes_lib.names import require
from recipes_lib.optim.rules import Rule, rule
from recipes_lib.optim.stock import stock_optimizer
from recipes_lib.plan import Loss, Plan, score_of

CHANNELS = (1, 3, 4)  # of pictures
BRIGHT = 2.0  # above it, images without a negative value are not in 0 … 1, however bright


def check_settings(
    num_epochs: int | None,
    num_steps: int | None,
    batch_size: int,
    optimizer: str | Rule,
    hyperparameters: dict[str, float],
    label_smoothing: float = 0.0,
) -> None:
    """Raise `ValueError` for settings that cannot be trained with."""
    if (num_epochs is None) == (num_steps is None):
        given = "neither" if num_epochs is None else "both"
        raise ValueError(f"{given} of num_epochs and num_steps is given; give exactly one")
    length = ("num_steps", num_steps) if num_epochs is None else ("num_epochs", num_epochs)
    for what, value in (length, ("batch_size", batch_size)):
        whole(what, value)
    check_share("label_smoothing", label_smoothing)
    require("hyperparameter", hyperparameters, rule(optimizer).defaults)
    # torch's own optimizers know which values make sense.
    stock_optimizer([torch.zeros(1, requires_grad=True)], rule(optimizer), hyperparameters)


def check_data(splits: Splits, batch_size: int, loss: Loss) -> None:
    """Raise `ValueError` for data that cannot be trained on."""
    if not (hasattr(splits, "train") and hasattr(splits, "valid")):
        raise ValueError(f"the data are {type(splits).__name__}; give Splits, as load does")
    train, valid = splits.train, splits.valid
    if batch_size > len(train):
        raise ValueError(f"batch_size is {batch_size}; there are only {len(train)} training images")
    if not len(valid):
        raise ValueError("there are no validation images; give some")
    if min(len(splits.classes), len(train.y.unique())) < 2:
        raise ValueError("the training images are all of one class; a classifier needs at least 2")
    # Other losses may read other things from the labels.
    for part, split, judge in (
        ("training", train, loss),
        ("validation", valid, score_of(loss, train)),
    ):
        check_images(split, f"the {part} images")
        if judge is F.cross_entropy:
            check_labels(split, f"the {part} labels", len(splits.classes))
    for what, found in (
        ("shape", [tuple(part.x.shape[1:]) for part in (train, valid)]),
        ("dtype", [part.x.dtype for part in (train, valid)]),
        ("device", [one.device for part in (train, valid) for one in part.parts]),
    ):
        if len(set(found)) > 1:
            named = ", ".join(map(str, dict.fromkeys(found)))
            raise ValueError(
                f"training and validation images differ in {what}, {named}; bring both to one"
            )
    if train.targets is not None and loss is F.cross_entropy:
        # It would take the targets for the weights of the classes.
        raise ValueError("the training images bring targets; give a loss(outputs, y, targets)")


def check_images(split: Split, what: str = "the images") -> None:
    """Raise `ValueError` for images that are not as a net wants them: channels first, in 0 … 1."""
    x = split.x
    if x.dtype in (torch.uint8, torch.bool):
        raise ValueError(f"{what} are {_kind(x)}; give float32 in 0 … 1, as x.float() / 255 makes")
    if x.dim() == 4 and x.shape[-1] in CHANNELS and min(x.shape[1:3]) > x.shape[-1]:
        remedy = "give channels first, as x.permute(0, 3, 1, 2) makes"
        raise ValueError(f"{what} have the shape {tuple(x.shape[1:])}; {remedy}")
    if not x.is_floating_point() or not x.numel():
        return
    low, high = (value.item() for value in x.aminmax())
    if not low > -torch.inf or not high < torch.inf:  # so NaN, too
        raise ValueError(f"{what} have values that are not finite; mend or leave out those images")
    if x.dim() == 4 and low >= 0 and high > BRIGHT:
        remedy = f"bring them to 0 … 1, as x / {255 if high > 16 else 16} does, or standardize them"
        raise ValueError(f"{what} have values from {low:g} to {high:g}; {remedy}")


def check_labels(split: Split, what: str, num_classes: int) -> None:
    """Raise `ValueError` for labels that are no class indices."""
    y = split.y
    if y.dim() != 1:
        remedy = "give class indices (N,), as y.argmax(1) makes of one-hot labels"
        raise ValueError(f"{what} have the shape {tuple(y.shape)}; {remedy}")
    if y.dtype != torch.int64:
        raise ValueError(f"{what} are {_kind(y)}; give class indices, as y.long() makes")
    low, high = (int(value) for value in y.aminmax())
    if low < 0 or high >= num_classes:
        remedy = f"number the {num_classes} classes from 0 to {num_classes - 1}"
        raise ValueError(f"{what} run from {low} to {high}; {remedy}")


def check_net(net: nn.Module, splits: Splits, course: Plan, batch_size: int, loss: Loss) -> None:
    """Raise `ValueError` for a net that does not take the images, or not their classes.

    The net is tried on one image, in evaluation mode.
    """
    train = splits.train
    try:
        with torch.no_grad():
            outputs = net.eval()(train.x[:1])
    except Exception as error:
        why = " ".join(str(error).split()) or type(error).__name__
        shown = f"{tuple(train.x.shape[1:])}, {_kind(train.x)}"
        raise ValueError(f"the net does not take images of the shape {shown}: {why}") from error
    if not isinstance(outputs, Tensor):
        raise ValueError(f"the net returns {type(outputs).__name__}; return logits (N, classes)")
    wanted, found = len(splits.classes), tuple(outputs.shape)
    if loss is F.cross_entropy and (len(found) != 2 or found[1] < wanted):
        remedy = f"it needs (1, {wanted}), for {wanted} classes"
        raise ValueError(f"the net makes outputs {found} of one image; {remedy}")
    whole_epoch = course.epochs[0] * batch_size >= len(train)
    if batch_size == 1 or (whole_epoch and len(train) % batch_size == 1):
        _check_alone(net, train, batch_size)


def _check_alone(net: nn.Module, train: Split, batch_size: int) -> None:
    """Raise where BatchNorm, which wants two values a channel in training, refuses one image."""
    try:
        with torch.no_grad(), torch.random.fork_rng():
            deepcopy(net).train()(train.x[:1])
    except ValueError as error:
        last = f"{len(train)} images in batches of {batch_size} leave one image alone"
        raise ValueError(f"{last}, which BatchNorm refuses; choose another batch_size") from error


def _kind(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")
