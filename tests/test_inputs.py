"""What readers give the library: made right, or refused in one line before training."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from recipes_lib.data import augment
from recipes_lib.data.sets import load
from recipes_lib.data.splits import Split, Splits
from recipes_lib.data.subsets import few, some
from recipes_lib.evidence.study import Study
from recipes_lib.nets.models import LSTM, cnn, mlp
from recipes_lib.nets.transfer import new_head, random_twin
from recipes_lib.optim import schedules
from recipes_lib.optim.rules import clipped, lookahead
from recipes_lib.sweep.many import fit_many
from recipes_lib.sweep.runs import grid
from recipes_lib.sweep.until import steps_until
from recipes_lib.train import evaluate, fit

HOW: dict[str, Any] = {"num_epochs": 1, "batch_size": 10, "lr": 0.1}


@pytest.fixture
def splits() -> Splits:
    def part(size: int, seed: int) -> Split:
        draws = torch.Generator().manual_seed(seed)
        return Split(torch.rand(size, 1, 8, 8, generator=draws), torch.arange(size) % 4)

    return Splits(part(40, 0), part(20, 1), part(20, 2), tuple("abcd"))


def net() -> nn.Sequential:
    return mlp((1, 8, 8), 4, (8,))


def with_parts(splits: Splits, change: Callable[[Split], Split]) -> Splits:
    return replace(splits, train=change(splits.train), valid=change(splits.valid))


def images(change: Callable[[Tensor], Any]) -> Callable[[Split], Split]:
    return lambda part: Split(change(part.x), part.y)


def labels(change: Callable[[Tensor], Any]) -> Callable[[Split], Split]:
    return lambda part: Split(part.x, change(part.y))


def spoiled(value: float) -> Callable[[Tensor], Tensor]:
    return lambda x: x.index_fill(0, torch.tensor([3]), value)


def wide(x: Tensor) -> Tensor:
    return x.expand(-1, 3, -1, -1).permute(0, 2, 3, 1)


REFUSED = {
    "labels as floats": (labels(Tensor.float), "labels are float32; give class indices"),
    "one-hot": (labels(lambda y: nn.functional.one_hot(y)), r"\(40, 4\); give class indices"),
    "a column": (labels(lambda y: y[:, None]), r"labels have the shape \(40, 1\)"),
    "from 1": (labels(lambda y: y + 1), "run from 1 to 4; number the 4 classes from 0 to 3"),
    "below 0": (labels(lambda y: y - 1), "run from -1 to 2; number the 4 classes from 0 to 3"),
    "gaps": (labels(lambda y: 3 * y), "run from 0 to 9; number the 4 classes from 0 to 3"),
    "bytes": (images(lambda x: (255 * x).byte()), r"images are uint8; .* as x.float\(\) / 255"),
    "0 … 255": (images(lambda x: (255 * x).round()), "values from 0 to 255; .* as x / 255 does"),
    "0 … 16": (images(lambda x: (16 * x).round()), "values from 0 to 16; .* as x / 16 does"),
    "NaN": (images(spoiled(np.nan)), "values that are not finite"),
    "infinite": (images(spoiled(-np.inf)), "values that are not finite"),
    "HWC": (images(wide), r"\(8, 8, 3\); give channels first, as x.permute\(0, 3, 1, 2\)"),
    "float64": (images(Tensor.double), r"does not take images of the shape \(1, 8, 8\), float64: "),
    "whole numbers": (images(Tensor.long), r"does not take images of the shape \(1, 8, 8\), int64"),
    "too small": (images(lambda x: x[..., :4]), r"does not take images of the shape \(1, 8, 4\)"),
    "no validation": (lambda part: part.at(slice(20, None)), "there are no validation images"),
}
TRAINERS: dict[str, Callable[..., Any]] = {
    "fit": lambda splits, **how: fit(net(), splits, **how),
    "stacked": lambda splits, lr, **how: fit_many(
        net, splits, grid(lr=[lr], seed=[0, 1]), strategy="stacked", **how
    ),
    "sequential": lambda splits, lr, **how: fit_many(
        net, splits, grid(lr=[lr]), strategy="sequential", **how
    ),
}


@pytest.fixture(params=TRAINERS)
def train(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return TRAINERS[request.param]


def refused(message: str) -> Any:
    """Expect one line."""
    return pytest.raises(ValueError, match=rf"\A(?=[^\n]*\Z).*{message}")


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_data_that_cannot_be_trained_on_are_refused(
    splits: Splits, train: Callable[..., Any], change: Any, message: str
) -> None:
    with refused(message):
        train(with_parts(splits, change), **HOW)


@pytest.mark.parametrize("name", ["labels as floats", "one-hot", "bytes", "0 … 255", "NaN", "HWC"])
def test_they_are_refused_in_evaluation_too(splits: Splits, name: str) -> None:
    change, message = REFUSED[name]
    with refused(message.replace("40", "20")):
        evaluate(net(), change(splits.test))
    with refused("the labels run from 1 to 4; number the 4 classes"):
        evaluate(net(), Split(splits.test.x, splits.test.y + 1))


@pytest.mark.parametrize("part", ["train", "valid"])
def test_one_bad_part_is_named(splits: Splits, train: Callable[..., Any], part: str) -> None:
    name = {"train": "training", "valid": "validation"}[part]
    bad = replace(splits, **{part: labels(Tensor.float)(getattr(splits, part))})
    with refused(f"the {name} labels are float32"):
        train(bad, **HOW)


@pytest.mark.parametrize(
    "change",
    [
        labels(Tensor.int),
        labels(Tensor.byte),
        labels(lambda y: y.numpy()),
        labels(lambda y: y.tolist()),
        images(lambda x: x.numpy()),
        images(lambda x: x - 0.5),
        images(lambda x: 1.5 * x),
    ],
)
def test_other_integers_arrays_and_shifted_images_train(
    splits: Splits, train: Callable[..., Any], change: Any
) -> None:
    train(with_parts(splits, change), **HOW)


def test_labels_of_other_losses_may_be_anything(splits: Splits) -> None:
    def loss(outputs: Tensor, y: Tensor) -> Tensor:
        return (outputs[:, 0] - y).square().mean()

    fit(net(), with_parts(splits, labels(Tensor.float)), loss=loss, **HOW)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: mlp((1, 8, 8), 3), r"makes outputs \(1, 3\) of one image; it needs \(1, 4\)"),
        (lambda: nn.Conv2d(1, 4, 3), r"makes outputs \(1, 4, 6, 6\) of one image"),
        (lambda: nn.LSTM(8, 4), "does not take images"),
        (lambda: nn.Sequential(nn.Flatten(2), nn.LSTM(64, 4)), "the net returns tuple"),
    ],
)
def test_a_net_that_does_not_fit_the_data_is_refused(
    splits: Splits, made: Callable[[], nn.Module], message: str
) -> None:
    with refused(message):
        fit(made(), splits, **HOW)
    with refused(message):
        fit_many(made, splits, grid(lr=[0.1], seed=[0, 1]), num_epochs=1, batch_size=10)


def test_what_is_no_splits_and_no_run_is_refused(splits: Splits) -> None:
    with refused("the data are tuple; give Splits"):
        fit(net(), (splits.train, splits.valid), **HOW)  # type: ignore[arg-type]
    with refused("a run is 0.1; give a dict each"):
        fit_many(net, splits, [0.1], num_epochs=1, batch_size=10)  # type: ignore[list-item]


def normalized() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 4))


@pytest.mark.parametrize("length", [{"num_epochs": 1}, {"num_steps": 14}])
@pytest.mark.parametrize("batch_size", [3, 13, 39, 1])
def test_a_batch_of_one_under_batch_norm_is_refused_before_training(
    splits: Splits, length: dict[str, int], batch_size: int
) -> None:
    message = f"40 images in batches of {batch_size} leave one image alone.* choose another"
    how = {"batch_size": batch_size, **length}
    made = normalized()
    before = {name: value.clone() for name, value in made.state_dict().items()}
    with refused(message):
        fit(made, splits, lr=0.1, **how)
    assert all(value.equal(before[name]) for name, value in made.state_dict().items())
    with refused(message):
        fit_many(normalized, splits, grid(lr=[0.1], seed=[0, 1]), **how)


def test_a_batch_of_one_is_trained_where_it_can_be(splits: Splits) -> None:
    fit(normalized(), splits, num_steps=13, batch_size=3, lr=0.1)  # the epoch ends before it
    fit(net(), splits, num_epochs=1, batch_size=3, lr=0.1)
    fit(cnn((1, 8, 8), 4), splits, num_epochs=1, batch_size=3, lr=0.1)  # many pixels an image


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"lr": float("nan")}, "lr is nan; give a number"),
        ({"lr": np.float64("nan")}, "lr is .*nan.*; give a number"),
        ({"lr": float("inf")}, "lr is inf; give a finite number"),
        ({"lr": -0.1}, "Invalid learning rate: -0.1"),
        ({"lr": "0.1"}, "lr is '0.1'; give a number"),
        ({"lr": None}, "lr is None; give a number"),
        ({"lr": [0.1]}, r"lr is \[0.1\]; give a number"),
        ({"momentum": float("nan")}, "momentum is nan; give a number"),
        ({"label_smoothing": 1.5}, "label_smoothing is 1.5; give a share"),
        ({"label_smoothing": -0.1}, "label_smoothing is -0.1; give a share"),
        ({"optimizer": clipped("sgd"), "clip_norm": -1.0}, "clip_norm is -1.0; give a number from"),
        ({"optimizer": lookahead("sgd"), "la_steps": 0}, "la_steps is 0; give a whole number"),
        ({"seed": -1}, "seed is -1; give a whole number"),
        ({"seed": 2**63}, "seed is 9223372036854775808; give a whole number"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(
    splits: Splits, how: dict[str, Any], message: str
) -> None:
    how = {"num_epochs": 1, "batch_size": 10, **how}
    with refused(message):
        fit(net(), splits, **how)
    names = ("num_epochs", "batch_size", "optimizer")
    run = {name: value for name, value in how.items() if name not in names}
    for strategy in ("stacked", "sequential"):
        with refused(message):
            fit_many(
                net,
                splits,
                [run],
                strategy=strategy,
                **{name: how[name] for name in names if name in how},
            )


@pytest.mark.parametrize("what", ["num_epochs", "num_steps", "batch_size"])
@pytest.mark.parametrize("value", [0, -1, 1.0, True, "3"])
def test_a_length_is_a_whole_number_from_1(
    splits: Splits, train: Callable[..., Any], what: str, value: Any
) -> None:
    how = HOW | {what: value} | ({"num_epochs": None} if what == "num_steps" else {})
    with refused(f"{what} is {value!r}; give a whole number from 1"):
        train(splits, **how)


def test_scalars_of_numpy_and_torch_are_numbers(splits: Splits) -> None:
    seeds = [np.int64(3), np.uint8(4), torch.tensor(5)]
    plain = grid(lr=[0.1, 0.2], seed=[3, 4, 5])
    for rates in (np.array([0.1, 0.2]), torch.tensor([0.1, 0.2], dtype=torch.float64)):
        runs = grid(lr=rates, seed=seeds)
        assert runs == plain
        assert {type(value) for run in runs for value in run.values()} == {float, int}
    how: dict[str, Any] = {"num_epochs": np.int64(1), "batch_size": np.int32(10)}
    own = [{"lr": torch.tensor(0.5), "seed": np.int64(2)}]
    for strategy in ("stacked", "sequential"):
        done = fit_many(net, splits, own, strategy=strategy, **how)
        assert done.runs == [{"lr": 0.5, "seed": 2}]
        expected = fit_many(net, splits, [{"lr": 0.5, "seed": 2}], strategy=strategy, **how)
        assert done.step_losses.equal(expected.step_losses)
    for lr in (np.float32(0.5), torch.tensor(0.5), 1):
        fit(net(), splits, lr=lr, **how)


@pytest.mark.parametrize("given", [0.1, "0.1", np.float64(0.1), np.array(0.1), torch.tensor(0.1)])
def test_a_grid_takes_lists(given: Any) -> None:
    with refused(r"lr is .*; give a list of values, as lr=\["):
        grid(lr=given)


@pytest.mark.parametrize("seed", [20240101, 2**32 + 1, 2**63 - 1, np.int64(20240101)])
def test_any_whole_number_is_a_seed(splits: Splits, seed: Any) -> None:
    whole = int(seed)
    assert load("digits", seed=seed).train.x.equal(load("digits", seed=whole).train.x)
    once = fit_many(net, splits, [{"lr": 0.1, "seed": seed}], num_steps=2, batch_size=10)
    torch.manual_seed(whole)
    alone = fit(net(), splits, num_steps=2, batch_size=10, lr=0.1, seed=seed)
    assert once.step_losses[0].equal(alone.step_losses)
    assert few(splits, 1, seed).train.x.equal(few(splits, 1, whole).train.x)
    assert new_head(4, 2, seed).weight.equal(new_head(4, 2, whole).weight)
    assert Study(device="cpu", seed=seed).seed == whole


@pytest.mark.parametrize("seed", [1.5, -1, True, "7"])
def test_no_draw_takes_what_is_no_seed(splits: Splits, seed: Any) -> None:
    for draw in (
        lambda: few(splits, 1, seed),
        lambda: some(splits.train, 1, seed),
        lambda: new_head(4, 2, seed),
        lambda: random_twin(net(), splits.train.x, seed),
        lambda: load("digits", seed=seed),
        lambda: Study(device="cpu", seed=seed),
    ):
        with refused(f"seed is {seed!r}; give a whole number"):
            draw()


def test_no_warm_up_is_what_follows() -> None:
    bare, warmed = schedules.cosine(), schedules.warm_up(0, then=schedules.cosine())
    assert [warmed(step, 9) for step in range(9)] == [bare(step, 9) for step in range(9)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.warm_up(-1, then=schedules.cosine()), "num_warm is -1; give a whole"),
        (lambda: schedules.warm_up(0.1, then=schedules.cosine()), "num_warm is 0.1; give a whole"),
        (lambda: schedules.step(0), "step_size is 0; give a whole number from 1"),
        (lambda: schedules.cyclical(0), "step_size is 0; give a number of steps above 0"),
        (lambda: schedules.range_test(0.0), "start is 0.0; give a number above 0"),
        (lambda: schedules.one_cycle(pct_start=1.0), "pct_start is 1.0; give a share from 0"),
        (lambda: schedules.one_cycle(div_factor=0), "div_factor is 0; give a number above 0"),
        (lambda: augment.crop(-1), "padding is -1; give a whole number from 0"),
        (lambda: augment.in_groups(nn.Identity(), 0), "size is 0; give a whole number from 1"),
        (lambda: cnn((1, 2, 2), 4, (8, 16)), r"images of 2 × 2 pixels are too small for 2 stages"),
        (lambda: LSTM((1, 8, 8), 4, width=7), "width is 7; give a divisor of the 64 values"),
        (lambda: mlp((1, 8, 8), 0), "num_classes is 0; give a whole number from 1"),
        (lambda: mlp((1, 8, 8), 4, 64), "hidden is 64; give the sizes of the layers"),
        (lambda: load("digits", image_size=0), "image_size is 0; give a whole number from 1"),
        (lambda: load("digits", image_size=8.0), "image_size is 8.0; give a whole number from 1"),
    ],
)
def test_what_cannot_be_made_is_refused(make: Callable[[], Any], message: str) -> None:
    with refused(message):
        make()


@pytest.mark.parametrize("num_steps", [1, 2, 3, 10])
def test_a_schedule_has_a_factor_for_each_step_however_few(splits: Splits, num_steps: int) -> None:
    for schedule in (
        schedules.one_cycle(),
        schedules.one_cycle(pct_start=0.0),
        schedules.cyclical(1),
        schedules.cosine(),
        schedules.linear(),
        schedules.range_test(),
        schedules.warm_up(5, then=schedules.cosine()),
    ):
        fit(net(), splits, num_steps=num_steps, batch_size=10, lr=0.1, schedule=schedule)


@pytest.mark.parametrize("factor", [-0.1, float("nan"), float("inf"), None, "1", 1j])
def test_a_factor_is_a_number_from_0(splits: Splits, factor: Any) -> None:
    with refused("the schedule is .* at step 0; give a number from 0"):
        fit(net(), splits, schedule=lambda step, num_steps: factor, **HOW)
    with refused("layer_factor is .* for '1.weight' at step 0; give a number from 0"):
        fit(net(), splits, layer_factor=lambda name, step, num_steps: factor, **HOW)


@pytest.mark.parametrize("what", ["batch_size", "every", "most"])
def test_steps_until_takes_whole_numbers(splits: Splits, what: str) -> None:
    how = {"batch_size": 10} | {what: 0}
    with refused(f"{what} is 0; give a whole number from 1"):
        steps_until(0.5, net, lambda seed: splits, grid(lr=[0.1]), **how)
    with refused("the training labels are float32"):
        bad = with_parts(splits, labels(Tensor.float))
        steps_until(0.5, net, lambda seed: bad, grid(lr=[0.1]), batch_size=10)


@pytest.mark.parametrize("take", [few, some])
def test_none_of_the_images_is_no_subset(splits: Splits, take: Any) -> None:
    with refused("is 0; give a whole number from 1"):
        take(splits if take is few else splits.train, 0, 0)


def test_a_number_of_workers_is_from_1(splits: Splits) -> None:
    with refused("num_workers is 0; give a whole number from 1"):
        fit_many(
            net,
            splits,
            grid(lr=[0.1]),
            num_epochs=1,
            batch_size=10,
            engine="processes",
            num_workers=0,
        )


def test_a_data_set_may_be_given_as_a_path(tmp_path: Path) -> None:
    assert Study(device="cpu", dataset=tmp_path).dataset == str(tmp_path)
    assert Study(device="cpu", dataset=2024).dataset == "2024"  # type: ignore[arg-type]
