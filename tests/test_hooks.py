"""What a training may be told, and what may watch it: the same stacked, alone and by hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import product
from typing import Any

import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from test_many import BATCH_SIZE, draw, small_cnn, small_mlp, some_runs, sweep
from test_optim import ANY_RULE, named
from torch import Tensor, nn

from recipes_lib.data.splits import Split, Splits, batches
from recipes_lib.data.subsets import some
from recipes_lib.nets.models import mlp
from recipes_lib.optim import schedules
from recipes_lib.sweep import workers
from recipes_lib.sweep.many import fit_many
from recipes_lib.sweep.runs import Run, Runs, grid
from recipes_lib.train import evaluate, fit

STRATEGIES = ("stacked", "sequential")
NUM_STEPS = 7  # two epochs of three steps, and one step of a third
Weights = Mapping[str, Tensor]


def double_mlp() -> nn.Module:
    torch.manual_seed(0)
    return small_mlp().double()


def both(runs: Sequence[Run], make_net: Callable[..., nn.Module], **how: Any) -> list[Runs]:
    """Train the runs stacked and one by one, and see that all that is left is the same."""
    stacked, alone = (sweep([*runs], make_net, strategy=one, **how) for one in STRATEGIES)
    pd.testing.assert_frame_equal(stacked.table, alone.table, rtol=1e-9)
    torch.testing.assert_close(stacked.step_losses, alone.step_losses, rtol=1e-9, atol=0)
    for name, value in stacked.weights.items():
        torch.testing.assert_close(value, alone.weights[name], rtol=1e-8, atol=1e-10)
    return [stacked, alone]


# A number of steps


def test_training_ends_after_so_many_steps_and_is_scored_there() -> None:
    seen = []

    def schedule(step: int, num_steps: int) -> float:
        seen.append((step, num_steps))
        return 1.0

    net, data = double_mlp(), draw(0)
    history = fit(
        net, data, num_steps=NUM_STEPS, batch_size=BATCH_SIZE, lr=0.1, schedule=schedule, seed=4
    )
    assert seen == [(step, NUM_STEPS) for step in range(NUM_STEPS)]
    by_hand, generator, losses = double_mlp(), torch.Generator().manual_seed(4), []
    stepper = torch.optim.SGD(by_hand.parameters(), lr=0.1)
    for _ in range(3):
        for index in torch.randperm(20, generator=generator).split(BATCH_SIZE):
            if len(losses) < NUM_STEPS:
                loss = F.cross_entropy(by_hand(data.train.x[index]), data.train.y[index])
                stepper.zero_grad()
                loss.backward()
                stepper.step()
                losses.append(loss.item())
    assert history.step_losses.tolist() == pytest.approx(losses)
    means = [sum(losses[:3]) / 3, sum(losses[3:6]) / 3, losses[6]]
    assert history.table.train_loss.tolist() == pytest.approx(means)
    assert history.table.valid_loss[2] == pytest.approx(evaluate(by_hand, data.valid)[0])


@pytest.mark.parametrize("num_steps", [1, 3, NUM_STEPS])
def test_stacked_training_ends_there_too(num_steps: int) -> None:
    how = {"num_epochs": None, "num_steps": num_steps, "schedule": schedules.cosine()}
    stacked, _ = both(some_runs("sgd"), small_mlp, **how)
    assert stacked.step_losses.shape == (3, num_steps)
    assert len(stacked.last) == 3


def test_whole_epochs_are_the_same_in_steps() -> None:
    runs = some_runs("sgd")
    epochs, steps = sweep(runs, num_epochs=2), sweep(runs, num_epochs=None, num_steps=6)
    pd.testing.assert_frame_equal(epochs.table, steps.table)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_epochs": None}, "neither of num_epochs and num_steps is given; give exactly one"),
        ({"num_steps": 3}, "both of num_epochs and num_steps is given; give exactly one"),
        ({"num_epochs": None, "num_steps": 0}, "num_steps is 0; give a whole number from 1"),
        ({"layer_factor": lambda *_: -1.0}, r"is -1.0 for '1.weight' at step 0; give a number"),
        ({"layer_factor": lambda *_: float("nan")}, "is nan for '1.weight' at step 0"),
        ({"engine": "processes", "after_step": print}, "use 'here' to observe"),
        ({"engine": "processes", "after_epoch": print}, "use 'here' to observe"),
    ],
)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_cannot_be_done_is_refused_in_one_line(
    change: dict[str, Any], message: str, strategy: str
) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        sweep(grid(lr=[0.1, 0.2]), strategy=strategy, **change)
    assert "\n" not in str(raised.value)


# A net for each seed


def made(make_net: Callable[..., nn.Module], strategy: str = "stacked") -> Runs:
    """Train one step at a rate of 0, so that the nets stay as they were made."""
    runs, how = grid(lr=[0.0], seed=[3, 5]), {"num_steps": 1, "batch_size": BATCH_SIZE}
    return fit_many(make_net, partial(draw, dtype=torch.float32), runs, strategy=strategy, **how)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_net_that_needs_an_argument_is_given_the_seed(strategy: str) -> None:
    @cache
    def source(seed: int) -> Tensor:
        return torch.randn(7, 36, generator=torch.Generator().manual_seed(1000 + seed))

    def started(seed: int, hidden: int = 7) -> nn.Module:
        net = mlp((1, 6, 6), 3, (hidden,))
        net[1].weight.data = source(seed).clone()
        return net

    trained = made(started, strategy)
    for run, seed in enumerate((3, 5)):
        torch.manual_seed(seed)
        fresh, net = small_mlp(), trained.net(run)
        assert torch.equal(net[1].weight, source(seed))  # type: ignore[index]
        assert torch.equal(net[3].weight, fresh[3].weight)  # type: ignore[index]


def test_the_finished_net_is_made_with_its_seed() -> None:
    asked = []

    def make_net(seed: int) -> nn.Module:
        asked.append(seed)
        return small_mlp()

    trained = made(make_net)
    asked.clear()
    trained.net(1)
    assert asked == [5]


def test_an_argument_with_a_default_is_left_alone() -> None:
    def make_net(hidden: int = 7) -> nn.Module:
        assert hidden == 7
        return small_mlp()

    assert made(make_net).net(0)


# A rate for each layer


def gradual(name: str, step: int, num_steps: int) -> float:
    """Train the head, then all, the lower layers more slowly."""
    layer = int(name.split(".")[0])
    return 1.0 if layer > 2 else 0.3 * (step >= num_steps // 2)


@pytest.mark.parametrize("optimizer", ANY_RULE)
@pytest.mark.parametrize("net", [small_mlp, small_cnn])
def test_layers_have_rates_of_their_own_stacked_as_alone(
    optimizer: str, net: Callable[[], nn.Module]
) -> None:
    how = {"optimizer": named(optimizer), "schedule": schedules.cosine(), "layer_factor": gradual}
    both(some_runs(optimizer), net, **how)


def test_a_layer_s_rate_is_that_of_a_parameter_group() -> None:
    net, by_hand = double_mlp(), double_mlp()
    how: dict[str, Any] = {"num_epochs": 1, "batch_size": 20, "optimizer": "adamw", "lr": 0.01}
    fit(net, draw(0), layer_factor=lambda name, *_: 0.1 if name[0] == "1" else 2.0, **how)
    groups = [(by_hand[1], 0.001), (by_hand[3], 0.02)]  # type: ignore[index]
    stepper = torch.optim.AdamW([{"params": layer.parameters(), "lr": lr} for layer, lr in groups])
    F.cross_entropy(by_hand(draw(0).train.x), draw(0).train.y).backward()
    stepper.step()
    for mine, other in zip(net.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize(
    ("optimizer", "strategy"), [*product(ANY_RULE, STRATEGIES), ("muon", "sequential")]
)
def test_a_factor_of_zero_freezes(optimizer: str, strategy: str) -> None:
    kind = named(optimizer)
    decay = {"weight_decay": 0.1} if "weight_decay" in kind.defaults else {}

    def thawed_once(name: str, step: int, num_steps: int) -> float:
        return float(name[0] == "3" or step == 0)

    how = {"optimizer": kind, "strategy": strategy, "layer_factor": thawed_once}
    first, last = (
        sweep([{"lr": 0.1, **decay}], num_epochs=None, num_steps=num_steps, **how).weights
        for num_steps in (1, 6)
    )
    assert torch.equal(first["1.weight"], last["1.weight"])
    assert not torch.equal(first["3.weight"], last["3.weight"])


# Observers


@pytest.mark.parametrize("strategy", [*STRATEGIES, "stacked-compiled"])
def test_observers_see_the_weights_of_each_run(strategy: str) -> None:
    steps: dict[tuple[int, int], dict[str, Tensor]] = {}
    epochs: dict[tuple[int, int], dict[str, Tensor]] = {}

    def keep(kept: dict[tuple[int, int], dict[str, Tensor]]) -> Any:
        def observe(at: int, runs: Sequence[int], weights: Weights) -> None:
            for place, run in enumerate(runs):
                assert not any(value.requires_grad for value in weights.values())
                kept[at, run] = {name: value[place].clone() for name, value in weights.items()}

        return observe

    runs, how = some_runs("sgd"), {"num_epochs": None, "num_steps": NUM_STEPS}
    watch = {"after_step": keep(steps), "after_epoch": keep(epochs)}
    trained = sweep(runs, small_cnn, strategy=strategy, **how, **watch)
    assert sorted(steps) == [(step, run) for step in range(NUM_STEPS) for run in range(3)]
    assert sorted(epochs) == [(epoch, run) for epoch in (1, 2, 3) for run in range(3)]
    shorter = sweep(runs, small_cnn, strategy="sequential", num_epochs=1)
    for run in range(3):
        for name, value in trained.weights.items():
            assert torch.equal(steps[NUM_STEPS - 1, run][name], value[run])
            assert torch.equal(epochs[3, run][name], value[run])
            torch.testing.assert_close(epochs[1, run][name], shorter.weights[name][run])
            assert torch.equal(steps[2, run][name], epochs[1, run][name])


@pytest.mark.parametrize("strategy", [*STRATEGIES, "stacked-compiled"])
def test_training_goes_on_from_what_an_observer_writes(strategy: str) -> None:
    mask = torch.arange(7) % 2

    def hold(step: int, runs: Sequence[int], weights: Weights) -> None:
        weights["1.bias"].mul_(mask)  # (K, 7)

    runs, how = some_runs("sgd"), {"num_epochs": None, "num_steps": NUM_STEPS}
    held = sweep(runs, strategy=strategy, after_step=hold, **how).weights["1.bias"]
    free = sweep(runs, strategy=strategy, **how).weights["1.bias"]
    assert torch.equal(held == 0, (mask == 0).expand_as(held))
    # What stays takes over from what is gone: it did not only lose its neighbors at the end.
    assert not torch.isclose(held, free)[:, mask == 1].all()


def test_a_part_of_a_large_sweep_knows_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LARGEST_STACK", 2)
    seen: dict[int, float] = {}

    def observe(step: int, runs: Sequence[int], weights: Weights) -> None:
        for place, run in enumerate(runs):
            seen[run] = weights["1.weight"][place].sum().item()

    trained = sweep(grid(lr=[0.1, 0.2], seed=range(2)), strategy="stacked", after_step=observe)
    sums = {run: trained.weights["1.weight"][run].sum().item() for run in range(4)}
    assert seen == sums


# Targets beside the label


def taught(seed: int) -> Splits:
    """Targets that tell their image, so that no other can stand in for them."""
    whole = draw(seed)
    targets = whole.train.x.flatten(1)[:, :3].softmax(1)
    return replace(whole, train=replace(whole.train, targets=targets))


def told(outputs: Tensor, y: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs, targets) + 0.5 * F.cross_entropy(outputs, y)


def test_targets_go_with_their_images_into_the_training_loss_alone() -> None:
    data, runs = taught(0), [{"lr": 0.0}, {"lr": 0.1}]
    for trained in both(runs, small_mlp, splits=taught, loss=told):
        net = trained.net(0)  # its weights have not moved
        order = torch.randperm(20, generator=torch.Generator().manual_seed(0))[:BATCH_SIZE]
        batch = Split(*(part[order] for part in data.train.parts))
        expected = told(net(batch.x), batch.y, batch.x.flatten(1)[:, :3].softmax(1))
        assert trained.step_losses[0, 0].item() == pytest.approx(expected.item())
        assert trained.last.valid_loss[0] == pytest.approx(evaluate(net, data.valid)[0])
        assert trained.test().test_loss[0] == pytest.approx(evaluate(net, data.test)[0])


def test_a_compiled_sweep_is_told_all_this_too() -> None:
    how: dict[str, Any] = {"num_epochs": None, "num_steps": NUM_STEPS, "layer_factor": gradual}
    how |= {"splits": taught, "loss": told, "optimizer": "adamw"}
    compiled, alone = (
        sweep(some_runs("adamw")[::2], small_cnn, strategy=one, **how)
        for one in ("stacked-compiled", "sequential")
    )
    torch.testing.assert_close(compiled.step_losses, alone.step_losses, rtol=1e-9, atol=0)
    for name, value in compiled.weights.items():
        torch.testing.assert_close(value, alone.weights[name], rtol=1e-8, atol=1e-10)


def test_targets_are_not_augmented() -> None:
    flip = {"augment": lambda x, y: (x.flip(-1), y)}
    both(grid(lr=[0.1, 0.2]), small_mlp, splits=taught, loss=told, **flip)
    seen = []

    def loss(outputs: Tensor, y: Tensor, targets: Tensor) -> Tensor:
        seen.append(targets)
        return told(outputs, y, targets)

    how: dict[str, Any] = {"num_epochs": 1, "batch_size": 20, "lr": 0.1, **flip}
    fit(double_mlp(), taught(0), loss=loss, **how)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    assert torch.equal(seen[0], taught(0).train.parts[2][order])


def test_a_choice_of_images_keeps_their_targets() -> None:
    chosen = some(taught(0).train, 5, seed=0)
    assert chosen.targets is not None
    assert torch.equal(chosen.targets, chosen.x.flatten(1)[:, :3].softmax(1))


def test_batches_bring_the_targets_along() -> None:
    ((x, y, targets),) = batches(taught(0).train, 20, torch.Generator().manual_seed(0))
    assert torch.equal(targets, x.flatten(1)[:, :3].softmax(1))
    assert len(y) == 20


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (taught, r"bring targets; give a loss\(outputs, y, targets\)"),
        (lambda seed: taught(0) if seed else draw(0), "some seeds have no targets"),
    ],
)
def test_targets_without_a_loss_or_for_some_alone_are_refused(
    splits: Callable[[int], Splits], message: str
) -> None:
    loss = {} if splits is taught else {"loss": told}
    with pytest.raises(ValueError, match=message):
        sweep(grid(lr=[0.1], seed=range(2)), splits=splits, **loss)


def test_targets_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in number: 20, 20, 19; match them"):
        replace(draw(0).train, targets=torch.zeros(19))
