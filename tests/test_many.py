import os
import sys
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from test_optim import ANY_RULE, RANGES, SCHEDULES, named
from torch import Tensor, nn

from recipes_lib.data.splits import Split, Splits
from recipes_lib.nets.models import LSTM, cnn, mlp
from recipes_lib.optim import rules as optim
from recipes_lib.optim.stock import stock_optimizer
from recipes_lib.sweep import many, workers
from recipes_lib.sweep.batches import Pool
from recipes_lib.sweep.many import fit_many
from recipes_lib.sweep.runs import Run, Runs, grid, joined
from recipes_lib.sweep.stacked import train_stacked
from recipes_lib.sweep.strategy import COMPILING_PAYS, choose
from recipes_lib.train import evaluate

NUM_EPOCHS, BATCH_SIZE = 2, 8
NUM_STEPS = NUM_EPOCHS * 3  # 20 training images: two full batches and one of four
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def draw(seed: int, dtype: torch.dtype = torch.float64) -> Splits:
    generator = torch.Generator().manual_seed(100 + seed)

    def split(size: int) -> Split:
        x = torch.rand(size, 1, 6, 6, generator=generator, dtype=torch.float64).to(dtype)
        return Split(x, torch.randint(0, 3, (size,), generator=generator))

    return Splits(split(20), split(9), split(7), classes=("a", "b", "c"))


class Lstm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(6, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.lstm(x.squeeze(1))
        return self.head(states[:, -1])  # type: ignore[no-any-return]


def small_mlp() -> nn.Module:
    return mlp((1, 6, 6), 3, (7,))


def wide_cnn() -> nn.Module:
    return cnn((1, 6, 6), 3, (64, 64))


def unrolled_lstm() -> nn.Module:
    return LSTM((1, 6, 6), 3, hidden=5)


def small_cnn() -> nn.Module:
    # A bias before BatchNorm has no gradient but rounding errors, which Adam would scale up to a
    # full step.
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 3),
    )


NETS: dict[str, Callable[[], nn.Module]] = {
    "mlp": small_mlp,
    "cnn": small_cnn,
    "lstm": unrolled_lstm,
}


def sweep(runs: list[Run], make_net: Callable[[], nn.Module] = small_mlp, **how: Any) -> Runs:
    dtype = how.pop("dtype", torch.float64)
    how = {"num_epochs": NUM_EPOCHS, "batch_size": BATCH_SIZE, **how}
    return fit_many(
        lambda: make_net().to(dtype), how.pop("splits", lambda seed: draw(seed, dtype)), runs, **how
    )


def alone(
    make_net: Callable[[], nn.Module], dtype: torch.dtype, run: Run, optimizer: str, schedule: str
) -> nn.Module:
    """Train one net with torch's optimiser and scheduler, in the plainest loop there is."""
    torch.manual_seed(run["seed"])
    net, train = make_net().to(dtype), draw(run["seed"], dtype).train
    own = {name: value for name, value in run.items() if name not in ("seed", "label_smoothing")}
    stepper = stock_optimizer(net.parameters(), named(optimizer), own)
    scheduler, generator = (
        SCHEDULES[schedule][1](stepper, NUM_STEPS),
        torch.Generator().manual_seed(run["seed"]),
    )
    for step in range(NUM_STEPS):
        if step % 3 == 0:
            parts = torch.randperm(len(train), generator=generator).split(BATCH_SIZE)
        x, y = train.x[parts[step % 3]], train.y[parts[step % 3]]
        stepper.zero_grad()
        F.cross_entropy(net(x), y, label_smoothing=run.get("label_smoothing", 0.0)).backward()
        stepper.step()
        if step < NUM_STEPS - 1:
            scheduler.step()
    return net


def assert_same_weights(ours: nn.Module, theirs: nn.Module, tolerance: float) -> None:
    expected = theirs.state_dict()
    for name, value in ours.state_dict().items():
        error = (value - expected[name]).double().norm() / expected[name].double().norm().clamp(
            min=1e-3
        )
        assert error < tolerance, f"{name} is off by {error:.1e}"


def assert_equals_alone(
    runs: list[Run],
    net: str,
    dtype: torch.dtype,
    optimizer: str,
    schedule: str,
    strategy: str = "stacked",
) -> None:
    trained = sweep(
        runs,
        NETS[net],
        dtype=dtype,
        optimizer=named(optimizer),
        schedule=SCHEDULES[schedule][0],
        strategy=strategy,
    )
    for index, run in enumerate(runs):
        theirs = alone(NETS[net], dtype, run, optimizer, schedule)
        assert_same_weights(trained.net(index), theirs, TOLERANCE[dtype])


def some_runs(optimizer: str) -> list[Run]:
    """Three runs, each hyperparameter its own in each, two seeds."""
    runs: list[Run] = [{"label_smoothing": 0.0, "seed": 0}, {"label_smoothing": 0.1, "seed": 1}]
    for share, run in zip((0.25, 0.75), runs, strict=True):
        for name in named(optimizer).defaults:
            low, high = RANGES[name]
            run[name] = type(low)(low + share * (high - low))
        run["lr"] = {"sgd": 0.1, "rmsprop": 0.003}.get(optimizer, 0.01) * (1 + share)
    return [*runs, {**runs[0], "seed": 1}]


@pytest.mark.parametrize("dtype", TOLERANCE, ids=["float32", "float64"])
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", ANY_RULE)
def test_a_stacked_run_equals_the_run_alone(
    optimizer: str, schedule: str, net: str, dtype: torch.dtype
) -> None:
    assert_equals_alone(some_runs(optimizer), net, dtype, optimizer, schedule)


@pytest.mark.parametrize("optimizer", ANY_RULE)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_whatever_the_hyperparameters(optimizer: str, data: st.DataObject) -> None:
    def one(name: str) -> Any:
        low, high = RANGES[name]
        return data.draw(
            st.integers(low, high) if isinstance(low, int) else st.floats(low, high), label=name
        )

    runs: list[Run] = [
        {name: one(name) for name in named(optimizer).defaults} | {"seed": seed}
        for seed in (0, 3, 0)
    ]
    assert_equals_alone(runs, "mlp", torch.float64, optimizer, "cosine")


def test_a_broken_rule_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    good = optim.RULES["adam"]
    late = replace(good, update=lambda w, g, state, step, h: good.update(w, g, state, step + 1, h))
    assert_equals_alone(some_runs("adam"), "mlp", torch.float64, "adam", "cosine")
    monkeypatch.setitem(optim.RULES, "adam", late)
    with pytest.raises(AssertionError, match="is off by"):
        assert_equals_alone(some_runs("adam"), "mlp", torch.float64, "adam", "cosine")


def test_a_compiled_run_equals_the_run_alone() -> None:
    assert_equals_alone(
        some_runs("adam"), "cnn", torch.float64, "adam", "cosine", "stacked-compiled"
    )


@pytest.mark.parametrize("net", ["mlp", "cnn"])
def test_tables_and_step_losses_do_not_depend_on_the_strategy(net: str) -> None:
    runs = some_runs("sgd")
    stacked, alone = (
        sweep(runs, NETS[net], strategy=strategy) for strategy in ("stacked", "sequential")
    )
    pd.testing.assert_frame_equal(stacked.table, alone.table, rtol=1e-10)
    torch.testing.assert_close(stacked.step_losses, alone.step_losses, rtol=1e-10, atol=0)
    assert stacked.step_losses.shape == (3, NUM_STEPS)
    pd.testing.assert_frame_equal(stacked.test(), alone.test(), rtol=1e-10)


def test_a_run_that_diverges_leaves_the_others_alone() -> None:
    healthy = grid(lr=[0.1, 0.2], momentum=[0.9])
    with_broken = [healthy[0], {"lr": 1e300, "momentum": 0.9}, healthy[1]]
    trained, expected = sweep(with_broken, strategy="stacked"), sweep(healthy, strategy="stacked")
    assert not torch.isfinite(trained.step_losses[1]).all()
    torch.testing.assert_close(
        trained.step_losses[[0, 2]], expected.step_losses, rtol=1e-12, atol=0
    )
    assert trained.best() in (0, 2)


def test_a_sweep_takes_seeds_of_numpy_and_large_ones() -> None:
    theirs, ours = (sweep(grid(lr=[0.1], seed=seeds)) for seeds in (np.arange(2), range(2)))
    torch.testing.assert_close(theirs.step_losses, ours.step_losses)
    assert sweep(grid(lr=[0.1], seed=[0, 2**62])).step_losses.isfinite().all()


def test_runs_of_one_seed_share_images_and_order_and_others_do_not() -> None:
    losses = sweep(grid(lr=[0.0, 0.0], seed=[0, 1]), strategy="stacked").step_losses
    torch.testing.assert_close(losses[[0, 1]], losses[[2, 3]], rtol=0, atol=0)
    assert not torch.isclose(losses[0], losses[1]).any()


def test_shared_splits_are_not_copied_per_seed() -> None:
    pool = Pool({0: (part := draw(0).train), 1: part}, [0, 1, 1])
    assert len(pool.columns[0]) == len(part)
    x, y = pool.take(torch.tensor([[0, 5], [1, 2], [3, 3]]))
    assert x.shape == (3, 2, 1, 6, 6)
    assert y.tolist() == part.y[torch.tensor([[0, 5], [1, 2], [3, 3]])].tolist()


def test_dropout_draws_differ_per_run() -> None:
    def make_net() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.Dropout(0.5), nn.Linear(8, 3))

    trained = sweep(grid(lr=[0.0, 0.0]), make_net, strategy="stacked")
    assert not torch.isclose(trained.step_losses[0], trained.step_losses[1]).all()
    last = trained.last
    assert last.valid_loss[0] == pytest.approx(last.valid_loss[1], rel=1e-12)


def test_augmentation_sees_each_run_s_batch_and_may_soften_labels() -> None:
    def augment(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        assert x.dim() == 4
        return x.flip(-1), F.one_hot(y, 3).to(x.dtype) * 0.9 + 0.1 / 3

    stacked, alone = (
        sweep(grid(lr=[0.1, 0.2]), augment=augment, strategy=strategy)
        for strategy in ("stacked", "sequential")
    )
    pd.testing.assert_frame_equal(stacked.table, alone.table, rtol=1e-10)


def test_joined_sweeps_are_the_runs_of_all_in_order() -> None:
    flipped = sweep(grid(lr=[0.3], seed=[5, 2]), augment=lambda x, y: (x.flip(-1), y))
    both = joined([sweep(grid(lr=[0.1], seed=[4])), flipped])
    assert [run["seed"] for run in both.runs] == [4, 5, 2]
    assert both.last.run.tolist() == [0, 1, 2]
    assert both.last.valid_loss[1:].tolist() == flipped.last.valid_loss.tolist()
    assert both.test().test_loss[1:].tolist() == flipped.test().test_loss.tolist()
    assert torch.equal(both.step_losses[1:], flipped.step_losses)
    with pytest.raises(ValueError, match="sweeps took different numbers of steps"):
        joined([flipped, replace(flipped, step_losses=flipped.step_losses[:, :-1])])


def test_some_runs_of_a_sweep_are_a_sweep_in_the_order_asked_for() -> None:
    whole = sweep(grid(lr=[0.1, 0.3], seed=[4, 5]), num_epochs=2)
    some = whole.at([3, 0])
    assert some.runs == [whole.runs[3], whole.runs[0]]
    assert some.table.run.tolist() == [0, 0, 1, 1]
    assert some.last.valid_loss.tolist() == whole.last.valid_loss[[3, 0]].tolist()
    assert some.test().test_loss.tolist() == whole.test([3, 0]).test_loss.tolist()
    assert torch.equal(some.step_losses, whole.step_losses[[3, 0]])


def test_the_best_of_runs_in_a_row_is_that_of_lowest_validation_loss() -> None:
    whole = sweep(grid(seed=[4, 5], lr=[0.1, 0.3, 0.2]), num_epochs=1)
    losses = whole.last.valid_loss.to_numpy().reshape(2, 3).copy()
    losses[0, losses[0].argmin()] = float("nan")  # a net that is lost is not the best
    lost = replace(whole, table=whole.table.assign(valid_loss=losses.ravel()))
    kept = lost.best_of(3)
    assert kept.last.valid_loss.tolist() == np.nanmin(losses, axis=1).tolist()
    assert [run["seed"] for run in kept.runs] == [4, 5]


def test_any_loss_is_taken_run_by_run() -> None:
    def loss(outputs: Tensor, y: Tensor) -> Tensor:
        return F.mse_loss(outputs, F.one_hot(y, 3).to(outputs.dtype))

    stacked, alone = (
        sweep(grid(lr=[0.1, 0.2]), loss=loss, strategy=s) for s in ("stacked", "sequential")
    )
    pd.testing.assert_frame_equal(stacked.table, alone.table, rtol=1e-10)


def test_frozen_and_tied_weights_stay_so() -> None:
    def make_net() -> nn.Module:
        net = nn.Sequential(
            nn.Flatten(), nn.Linear(36, 36), nn.ReLU(), nn.Linear(36, 36), nn.Linear(36, 3)
        )
        net[3].weight = net[1].weight
        net[4].weight.requires_grad_(False)
        return net

    stacked, alone = (
        sweep(grid(lr=[0.1, 0.2]), make_net, strategy=s) for s in ("stacked", "sequential")
    )
    pd.testing.assert_frame_equal(stacked.table, alone.table, rtol=1e-10)
    assert_same_weights(stacked.net(1), alone.net(1), 1e-10)


class Listed(nn.Module):
    """Layers in a plain list, and the weights of one once more beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(36, 36), nn.Linear(36, 3)
        self.layers, self.tied = [self.first, self.head], self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[1](self.layers[0](x.flatten(1)).tanh() @ self.tied)  # type: ignore[no-any-return]


def test_however_a_net_refers_to_its_layers() -> None:
    stacked, alone = (
        sweep(grid(lr=[0.1, 0.2]), Listed, strategy=s) for s in ("stacked", "sequential")
    )
    pd.testing.assert_frame_equal(stacked.table, alone.table, rtol=1e-10)
    assert_same_weights(stacked.net(1), alone.net(1), 1e-10)


def test_a_net_that_is_handed_in_keeps_its_layers() -> None:
    net = unrolled_lstm()
    sweep(grid(lr=[0.1, 0.2]), lambda: net, strategy="stacked")
    assert type(net.head) is nn.Linear


def test_the_table_is_tidy_and_the_best_run_is_found() -> None:
    runs = grid(lr=[0.0, 0.3], momentum=[0.9], seed=range(2))
    trained = sweep(runs)
    names = ["run", "lr", "momentum", "seed", "epoch", "train_loss", "valid_loss", "valid_accuracy"]
    assert list(trained.table) == names
    assert len(trained.table) == 4 * NUM_EPOCHS
    assert list(trained.last.run) == [0, 1, 2, 3]
    assert set(trained.last.epoch) == {NUM_EPOCHS}
    best = trained.last.loc[trained.best()]
    assert best.valid_accuracy == trained.last.valid_accuracy.max()
    loss, accuracy = evaluate(trained.net(1), draw(1).valid)
    assert (loss, accuracy) == pytest.approx(
        (trained.last.valid_loss[1], trained.last.valid_accuracy[1])
    )


def test_equal_accuracies_are_told_apart_by_loss() -> None:
    trained = sweep(grid(lr=[0.0, 0.0, 0.0]))
    table = trained.table.assign(
        valid_accuracy=0.5, valid_loss=trained.table.run.map({0: 0.3, 1: 0.1, 2: 0.2})
    )
    assert replace(trained, table=table).best() == 1


def test_only_test_touches_test_data() -> None:
    seen: list[int] = []

    class Watched:
        def __init__(self, seed: int) -> None:
            self.all, self.seed = draw(seed), seed

        def __getattr__(self, name: str) -> Any:
            if name == "test":
                seen.append(self.seed)
            return getattr(self.all, name)

    trained = sweep(grid(lr=[0.1], seed=range(2)), splits=Watched, strategy="stacked")
    assert seen == []
    table = trained.test([1])
    assert list(table) == ["run", "lr", "seed", "test_loss", "test_accuracy"]
    assert list(table.run) == [1]
    assert seen == [1]
    assert table.test_loss[0] == pytest.approx(evaluate(trained.net(1), draw(1).test)[0])


@pytest.mark.parametrize(
    ("make_net", "runs", "chosen"),
    [
        (small_mlp, 2, "stacked: "),
        (small_mlp, 1, "sequential: there is one run"),
        (small_cnn, 2, "stacked: "),
        (wide_cnn, 2, "sequential: a processor convolves"),
        (Lstm, 2, "sequential: nn.LSTM"),
        (unrolled_lstm, 2, "stacked: "),
    ],
)
def test_auto_says_what_it_chose_and_why(
    make_net: Callable[[], nn.Module], runs: int, chosen: str
) -> None:
    assert sweep(grid(lr=[0.1] * runs), make_net, num_epochs=1).strategy.startswith(chosen)


def test_an_optimizer_that_cannot_be_stacked_trains_run_after_run() -> None:
    assert (
        sweep(grid(lr=[0.1, 0.2]), optimizer="muon").strategy
        == "sequential: muon cannot be stacked"
    )
    with pytest.raises(
        ValueError, match="strategy 'stacked' has no rule for muon; use 'sequential'"
    ):
        sweep(grid(lr=[0.1, 0.2]), optimizer="muon", strategy="stacked")


def test_compiling_is_chosen_when_steps_repay_it(monkeypatch: pytest.MonkeyPatch) -> None:
    args = ("auto", unrolled_lstm(), optim.RULES["sgd"], 8)
    image = torch.rand(1, 1, 6, 6)
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/c++")
    assert choose(*args, COMPILING_PAYS, image)[0] == "stacked-compiled"
    assert choose(*args, COMPILING_PAYS - 1, image)[0] == "stacked"
    assert choose("auto", small_mlp(), *args[2:], COMPILING_PAYS, image)[0] == "stacked"
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert choose(*args, COMPILING_PAYS, image)[0] == "stacked"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_epochs": 0}, "num_epochs is 0; give a whole number from 1"),
        ({"batch_size": 0}, "batch_size is 0; give a whole number from 1"),
        ({"batch_size": 21}, "batch_size is 21; there are only 20"),
        ({"runs": []}, "runs is empty"),
        ({"runs": [{"lr": 0.1, "seed": 0.5}]}, "seed is 0.5; give a whole number"),
        (
            {"runs": [{"lr": 0.1, "momentun": 0.9}]},
            "'momentun' is unknown; did you mean 'momentum'",
        ),
        ({"runs": [{"lr": -0.1}]}, "Invalid learning rate"),
        ({"optimizer": "adamm"}, "optimizer 'adamm' is unknown; did you mean 'adam'"),
        ({"strategy": "staked"}, "strategy 'staked' is unknown; did you mean 'stacked'"),
        ({"engine": "process"}, "engine 'process' is unknown; did you mean 'processes'"),
        ({"make_net": Lstm, "strategy": "stacked"}, "has no rule for nn.LSTM"),
        ({"splits": replace(draw(0), classes=("a",))}, "at least 2"),
    ],
)
def test_bad_input_is_refused_in_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        sweep(**{"runs": grid(lr=[0.1, 0.2]), **change})
    assert "\n" not in str(raised.value)


def test_splits_of_differing_size_are_refused() -> None:
    def uneven(seed: int) -> Splits:
        whole = draw(seed)
        return replace(whole, train=Split(whole.train.x[seed:], whole.train.y[seed:]))

    with pytest.raises(ValueError, match="differ in size"):
        sweep(grid(lr=[0.1], seed=range(2)), splits=uneven)


@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_workers_give_the_same_numbers_and_outlive_one_of_them(engine: str, tmp_path: Path) -> None:
    if engine == "ray":
        # A worker of Ray does not find this module.
        pytest.importorskip("ray.cloudpickle").register_pickle_by_value(sys.modules[__name__])
    parent = os.getpid()

    def make_net() -> nn.Module:
        if os.getpid() != parent and not (tmp_path / "died").exists():
            (tmp_path / "died").touch()
            os._exit(1)
        return small_mlp()

    runs = some_runs("adam")
    for strategy in ("sequential", "stacked"):
        here, there = (
            sweep(runs, make_net, optimizer="adam", strategy=strategy, engine=where, num_workers=2)
            for where in ("here", engine)
        )
        assert (tmp_path / "died").exists()
        pd.testing.assert_frame_equal(here.table, there.table, rtol=1e-10)
        assert_same_weights(there.net(2), here.net(2), 1e-10)


def test_a_large_sweep_is_stacked_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    runs, sizes = grid(lr=[0.1, 0.2, 0.3], seed=range(2)), []

    def counted(make_net: Any, drawn: Any, part: list[Run], rows: Any, **how: Any) -> Any:
        sizes.append(len(part))
        return train_stacked(make_net, drawn, part, rows, **how)

    whole = sweep(runs)
    monkeypatch.setattr(workers, "LARGEST_STACK", 4)
    monkeypatch.setattr(many, "train_stacked", counted)
    pd.testing.assert_frame_equal(sweep(runs).table, whole.table, rtol=1e-10)
    assert sizes == [3, 3]


def test_workers_that_always_die_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise BrokenExecutor

    monkeypatch.setattr("joblib.Parallel", broken)
    with pytest.raises(RuntimeError, match="workers died 3 times"):
        sweep(grid(lr=[0.1, 0.2]), engine="processes", num_workers=2)


def test_a_missing_ray_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"needs Ray; pip install 'pytorch-recipes\[scale\]'"):
        sweep(grid(lr=[0.1, 0.2]), engine="ray")
