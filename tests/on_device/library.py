"""The device itself, and the library on it. In a process of its own: see test_device.py."""

from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import device
import numpy as np
import pytest
import torch
from device import DEVICE, backend
from matplotlib import pyplot as plt
from torch import nn
from torch.nn.functional import cross_entropy

from recipes_lib import augment
from recipes_lib.data.sets import load
from recipes_lib.data.splits import leaked
from recipes_lib.data.subsets import changed, few, some, standardized
from recipes_lib.evidence import plots
from recipes_lib.evidence.predictions import confusion, mistakes
from recipes_lib.evidence.study import Study
from recipes_lib.hardware import Stopwatch, resolve_device, stamp
from recipes_lib.nets.models import LSTM, cnn, mlp
from recipes_lib.nets.transfer import Features, random_twin, shuffled
from recipes_lib.optim import schedules
from recipes_lib.optim.rules import RULES, clipped, lookahead
from recipes_lib.sweep.many import fit_many
from recipes_lib.sweep.runs import grid
from recipes_lib.sweep.transfer import fit_heads, fit_whole, linear_probe
from recipes_lib.sweep.until import steps_until
from recipes_lib.train import evaluate, fit

STACKABLE = [name for name in RULES if RULES[name].update]
NETS = {
    "mlp": lambda: mlp((1, 8, 8), 10, (16,)),
    "cnn": lambda: cnn((1, 8, 8), 10, (2, 4)),
    "LSTM": lambda: LSTM((1, 8, 8), 10, hidden=8),
    "dropout": lambda: nn.Sequential(mlp((1, 8, 8), 10, (16,)), nn.Dropout(0.1)),
}
SHORT = {"num_steps": 3, "batch_size": 64}


@pytest.fixture(autouse=True, params=[True, False], ids=["float64", "no float64"])
def has_float64(request: pytest.FixtureRequest) -> Iterator[bool]:
    backend.has_float64 = request.param
    yield request.param
    backend.has_float64 = True


@cache
def digits(seed: int = 0):
    return load("digits", seed=seed, device=DEVICE)


# The device.


def refused(error: type[Exception], message: str):
    return pytest.raises(error, match=message)


def test_tensors_of_two_devices_do_not_mix() -> None:
    here, there = torch.ones(3), torch.ones(3, device=DEVICE)
    for act in (
        lambda: there + here,
        lambda: here + there,
        lambda: here + there[0],
        lambda: there.add_(here),
        lambda: torch.stack([there[0], here[0]]),
        lambda: here[torch.tensor([0], device=DEVICE)],
        lambda: nn.Linear(3, 1)(there),
    ):
        with refused(RuntimeError, "Expected all tensors to be on the same device"):
            act()
    assert (there + torch.tensor(1.0)).tolist() == [2, 2, 2]  # as torch's other devices do
    assert there[torch.tensor([0, 2])].tolist() == [1, 1]


def test_draws_come_from_the_device_s_own_generator() -> None:
    for draw in (torch.rand, torch.randn, torch.randperm):
        with refused(RuntimeError, "Expected a 'dummy' device type for generator but found 'cpu'"):
            draw(3, device=DEVICE, generator=torch.Generator())
    torch.manual_seed(3)
    drawn, kept = torch.rand(2, device=DEVICE), torch.rand(2)
    torch.manual_seed(3)
    assert torch.equal(torch.rand(2), kept)
    assert torch.equal(torch.rand(2, device=DEVICE), drawn)


def test_values_reach_numpy_by_cpu_alone() -> None:
    there = torch.arange(3, device=DEVICE)
    for act in (there.numpy, lambda: np.asarray(there), lambda: np.array([there])):
        with refused(TypeError, "can't convert dummy:0 device type tensor to numpy"):
            act()
    assert there.cpu().numpy().tolist() == [0, 1, 2]


def test_float64_is_refused_by_a_switch(has_float64: bool) -> None:
    there = torch.ones(3, device=DEVICE)
    for act in (
        there.double,
        lambda: torch.zeros(3, dtype=torch.float64, device=DEVICE),
        lambda: torch.ones(3, dtype=torch.float64).to(DEVICE),
        lambda: torch.tensor(np.ones(3), device=DEVICE),
        lambda: nn.Linear(3, 1).double().to(DEVICE),
    ):
        if has_float64:
            act()
        else:
            with refused(TypeError, "Cannot convert a dummy:0 Tensor to torch.float64"):
                act()
    assert there.cpu().double().to(DEVICE, torch.float32).dtype == torch.float32


def test_copies_and_waits_are_counted() -> None:
    backend.reset()
    there = torch.ones(4).to(DEVICE)
    assert (backend.copies, backend.waits) == (1, 0)
    there = (there * 2).relu()
    assert (backend.copies, backend.waits) == (1, 0)
    there.cpu()
    assert (backend.copies, backend.waits) == (2, 1)
    there.sum().item()
    there.nonzero()
    torch.accelerator.synchronize()
    assert backend.waits == 4
    assert backend.kernels["relu"] == 1


def test_a_net_that_goes_to_the_device_learns_there_as_here() -> None:
    torch.manual_seed(0)
    here, there = NETS["cnn"](), NETS["cnn"]()
    there.load_state_dict(here.state_dict())
    weights = next(there.parameters())
    there.to(DEVICE)
    assert next(there.parameters()) is weights  # as on any device
    x, y = torch.rand(8, 1, 8, 8), torch.arange(8)
    for net, images, labels in ((here, x, y), (there, x.to(DEVICE), y.to(DEVICE))):
        stepper = torch.optim.Adam(net.parameters())
        for _ in range(3):
            cross_entropy(net(images), labels).backward()
            stepper.step()
            stepper.zero_grad()
    for mine, other in zip(there.parameters(), here.parameters(), strict=True):
        assert mine.device == DEVICE
        torch.testing.assert_close(mine.cpu(), other)


# The library.


def test_the_device_is_the_accelerator() -> None:
    assert resolve_device() == torch.device("dummy")
    assert stamp(DEVICE)["device"] == "dummy"
    backend.reset()
    with Stopwatch():
        pass
    assert backend.waits == 2
    torch.accelerator.empty_cache()


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("strategy", ["stacked", "sequential"])
def test_a_sweep(net: str, strategy: str) -> None:
    how = {**SHORT, "schedule": schedules.one_cycle(), "augment": augment.flip()}
    runs = fit_many(NETS[net], digits, grid(lr=[0.1, 0.2], seed=[0, 1]), strategy=strategy, **how)
    assert runs.step_losses.device == DEVICE
    assert runs.test().test_accuracy.between(0, 1).all()
    assert runs.net(runs.best())(digits().valid.x).device == DEVICE


@pytest.mark.parametrize("optimizer", [*STACKABLE, lookahead("adam"), clipped("sgd")])
def test_a_rule_on_the_device_is_the_rule_here(optimizer) -> None:
    runs = grid(lr=[0.01, 0.02], weight_decay=[0.0, 0.1], label_smoothing=[0.0, 0.1])
    how = {"optimizer": optimizer, "layer_factor": lambda name, step, num: 0.5, **SHORT}
    here = fit_many(NETS["mlp"], load("digits"), runs, strategy="stacked", **how)
    there = fit_many(NETS["mlp"], digits(), runs, strategy="stacked", **how)
    torch.testing.assert_close(there.step_losses.cpu(), here.step_losses)


def test_a_lone_fit() -> None:
    net = NETS["cnn"]()
    history = fit(net, digits(), lr=0.1, **SHORT, optimizer="muon")
    assert len(history.table) == 1
    assert 0 <= evaluate(net, digits().test)[1] <= 1


@pytest.mark.parametrize("strategy", ["stacked", "sequential"])
def test_a_step_waits_for_nothing(strategy: str) -> None:
    counts = []
    for num_steps in (2, 9):
        backend.reset()
        how = {"num_steps": num_steps, "batch_size": 64, "strategy": strategy}
        fit_many(NETS["mlp"], digits(), grid(lr=[0.1, 0.2]), **how, augment=augment.crop(1))
        counts.append((backend.copies, backend.waits))
    assert counts[0] == counts[1]


def test_every_augmentation() -> None:
    from torchvision.transforms import v2

    draw = (augment.affine(10, 0.1, 0.1), augment.crop(1), augment.erase(p=1.0), augment.flip())
    chained = augment.chain(*draw, augment.in_groups(v2.RandAugment(), 8))
    for apply in (*draw, chained, v2.MixUp(num_classes=10), v2.CutMix(num_classes=10)):
        fit_many(NETS["mlp"], digits(), grid(lr=[0.1, 0.2]), augment=apply, **SHORT)


def test_transfer() -> None:
    source, how = NETS["mlp"]().to(DEVICE), {**SHORT, "batch_size": 16}
    splits = cache(lambda seed: changed(few(digits(seed), 5, seed), lambda x: x))
    features = Features(source)
    runs = grid(lr=[0.01], seed=[0, 1])
    fit_heads(lambda seed: changed(splits(seed), features), runs, **how).test()
    linear_probe({0: source, 1: shuffled(source, 0)}, splits, lr=0.01, **how)
    random_twin(source, splits(0).train.x, 0)
    steps_until(0.99, NETS["mlp"], splits, runs, batch_size=16, most=4)
    parts = nn.Sequential()
    named = {"pixels": nn.Identity(), "body": source[:-1], "head": source[-1]}
    for name, part in named.items():
        parts.add_module(name, part)
    fit_whole(parts, splits, runs, **how).test()


def test_data() -> None:
    assert leaked(digits()) < 1
    assert standardized(digits()).train.x.mean().abs().item() < 1e-5
    assert len(some(digits().train, 7, 0)) == 7


def test_a_study_tunes_and_claims() -> None:
    study = Study("learning_rate", seed=1, dataset="digits")
    assert study.device.type == "dummy"
    train = partial(fit_many, NETS["mlp"], digits, **SHORT)
    tuned = study.tune(train, grid(lr=[0.1, 0.2]), tuning=[0, 1], fresh=[1000, 1001])
    assert len(tuned.values) == 2
    study.check("test images are not among those of training", True)
    race = study.race({"one": lambda: None, "two": lambda: None}, seconds=0.01)
    assert set(race) == {"one", "two"}


def test_figures() -> None:
    x, y = digits().test.x[:64], digits().test.y[:64]
    chances = torch.rand(64, 10, device=DEVICE).softmax(1)
    confusion(y, chances.argmax(1), digits().classes)
    mistakes(x, y, chances, digits().classes)
    _, ax = plt.subplots()
    plots.band(ax, range(3), chances[:, :3].cpu(), label="a")
    plt.close("all")


def test_a_saved_net_comes_back(tmp_path: Path) -> None:
    net = NETS["cnn"]().to(DEVICE)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    found = torch.load(tmp_path / "net.pt")
    assert all(value.device == DEVICE for value in found.values())
    assert device.backend is torch.dummy
