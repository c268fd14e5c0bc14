import inspect
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import lr_scheduler as stock_schedule

from recipes_lib.optim import schedules
from recipes_lib.optim.rules import RULES, Hyperparameters, Rule, State, clipped, lookahead, rule
from recipes_lib.optim.stock import set_rate, stock_optimizer

NUM_STEPS = 12
ANY_RULE = [*(name for name in RULES if RULES[name].update), "lookahead", "clipped"]
RANGES = {
    "lr": (1e-3, 0.3),
    "momentum": (0.1, 0.95),
    "nesterov": (1, 1),
    "weight_decay": (1e-3, 0.3),
    "alpha": (0.5, 0.999),
    "eps": (1e-6, 1e-3),
    "lr_decay": (1e-3, 0.5),
    "beta1": (0.5, 0.95),
    "beta2": (0.6, 0.9995),
    "la_alpha": (0.2, 0.9),
    "la_steps": (2, 5),
    "clip_norm": (0.5, 1.2),
    "clip_value": (0.1, 0.4),
}
WRAPPED = {"lookahead": lookahead("adam"), "clipped": clipped("sgd")}
SCHEDULES = {
    "constant": (schedules.constant(), lambda opt, n: stock_schedule.ConstantLR(opt, 1.0)),
    "step": (schedules.step(2, 0.5), lambda opt, n: stock_schedule.StepLR(opt, 2, 0.5)),
    "exponential": (
        schedules.exponential(0.9),
        lambda opt, n: stock_schedule.ExponentialLR(opt, 0.9),
    ),
    "cosine": (schedules.cosine(), lambda opt, n: stock_schedule.CosineAnnealingLR(opt, n)),
    "cyclical": (
        schedules.cyclical(3, 0.2),
        lambda opt, n: stock_schedule.CyclicLR(
            opt, 0.2 * opt.param_groups[0]["lr"], opt.param_groups[0]["lr"], 3, cycle_momentum=False
        ),
    ),
    "one_cycle": (
        schedules.one_cycle(),
        lambda opt, n: stock_schedule.OneCycleLR(
            opt, opt.param_groups[0]["lr"], n, cycle_momentum=False
        ),
    ),
    "warm_up": (
        schedules.warm_up(3, 0.1, then=schedules.cosine()),
        lambda opt, n: stock_schedule.SequentialLR(
            opt,
            [
                stock_schedule.LinearLR(opt, 0.1, total_iters=3),
                stock_schedule.CosineAnnealingLR(opt, n - 3),
            ],
            [3],
        ),
    ),
}


def named(name: str) -> Rule:
    return WRAPPED.get(name) or rule(name)


@st.composite
def values(draw: st.DrawFn, kind: Rule) -> dict[str, float]:
    def one(low: float, high: float) -> float:
        return draw(st.integers(low, high)) if isinstance(low, int) else draw(st.floats(low, high))

    return {name: one(*RANGES[name]) for name in kind.defaults}


def gradients(w: torch.Tensor, step: int) -> torch.Tensor:
    return 0.1 * w + torch.sin(torch.arange(w.shape[-1]) + 2.0 * step)


def stacked(kind: Rule, w: torch.Tensor, runs: list[dict[str, float]]) -> torch.Tensor:
    h = {
        name: torch.tensor([float(run[name]) for run in runs], dtype=torch.float64)[:, None]
        for name in runs[0]
    }
    w, state = w.clone(), kind.init(w)
    for step in range(NUM_STEPS):
        kind.update(w, gradients(w, step), state, torch.tensor(step + 1.0, dtype=torch.float64), h)
    return w


def alone(kind: Rule, w: torch.Tensor, run: dict[str, float]) -> torch.Tensor:
    w = w.clone().requires_grad_()
    stepper = stock_optimizer([w], kind, run)
    for step in range(NUM_STEPS):
        w.grad = gradients(w.detach(), step)
        stepper.step()
    return w.detach()


def assert_equals_torch(kind: Rule, runs: list[dict[str, float]]) -> None:
    w = torch.linspace(-2, 2, 5 * len(runs), dtype=torch.float64).view(len(runs), 5)
    expected = torch.stack([alone(kind, row, run) for row, run in zip(w, runs, strict=True)])
    torch.testing.assert_close(stacked(kind, w, runs), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ANY_RULE)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_each_row_moves_as_torch_moves_it(name: str, data: st.DataObject) -> None:
    assert_equals_torch(
        named(name), data.draw(st.lists(values(named(name)), min_size=1, max_size=3))
    )


@pytest.mark.parametrize(
    ("name", "ignored"), [(name, key) for name in ANY_RULE for key in named(name).defaults]
)
def test_a_rule_that_ignores_a_hyperparameter_is_caught(name: str, ignored: str) -> None:
    kind = named(name)
    runs = [
        {key: RANGES[key][end] for key in kind.defaults} | {"lr": 0.1, "la_steps": 3}
        for end in (0, 1)
    ]
    runs = [{key: run[key] for key in kind.defaults} for run in runs]
    assert_equals_torch(kind, runs)

    def update(
        w: torch.Tensor, grad: torch.Tensor, state: State, step: torch.Tensor, h: Hyperparameters
    ) -> None:
        wrong = 1.001 * h["lr"] if ignored == "lr" else kind.defaults[ignored]
        kind.update(w, grad, state, step, {**h, ignored: wrong})

    with pytest.raises(AssertionError):
        assert_equals_torch(replace(kind, update=update), runs)


@pytest.mark.parametrize("name", ["adagrad", "adam", "adamw", "radam"])
def test_a_rule_that_miscounts_steps_is_caught(name: str) -> None:
    kind = named(name)
    broken = replace(kind, update=lambda w, g, s, t, h: kind.update(w, g, s, t + 1, h))
    with pytest.raises(AssertionError):
        assert_equals_torch(
            broken,
            [{**kind.defaults, "lr": 0.1, **({"lr_decay": 0.1} if name == "adagrad" else {})}],
        )


@pytest.mark.parametrize("name", ANY_RULE)
def test_a_lone_run_takes_plain_numbers(name: str) -> None:
    kind, w = named(name), torch.linspace(-2, 2, 6, dtype=torch.float64).view(2, 3)
    moved, state = w.clone(), kind.init(w)
    for step in range(NUM_STEPS):
        count = torch.tensor(step + 1.0, dtype=torch.float64)
        kind.update(moved, gradients(moved, step), state, count, dict(kind.defaults))
    torch.testing.assert_close(moved, alone(kind, w, dict(kind.defaults)), rtol=1e-10, atol=1e-10)


def test_lookahead_is_algorithm_1() -> None:
    w, lr, fast_steps, alpha = torch.tensor([[1.0, -2.0]], dtype=torch.float64), 0.1, 3, 0.4
    fast = slow = w.clone()
    for step in range(NUM_STEPS):
        fast = fast - lr * gradients(fast, step)
        if (step + 1) % fast_steps == 0:
            fast = slow = slow + alpha * (fast - slow)
    kind = lookahead("sgd")
    run = {**kind.defaults, "lr": lr, "la_steps": fast_steps, "la_alpha": alpha}
    torch.testing.assert_close(stacked(kind, w, [run]), fast, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", RULES)
def test_defaults_are_those_of_torch(name: str) -> None:
    stock = torch.optim.Muon if name == "muon" else RULES[name].stock
    theirs = {key: arg.default for key, arg in inspect.signature(stock).parameters.items()}
    theirs["beta1"], theirs["beta2"] = theirs.get("betas", (None, None))
    assert RULES[name].defaults == {key: theirs[key] for key in RULES[name].defaults}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("num_steps", [10, 37])
def test_a_schedule_follows_its_counterpart_in_torch(name: str, num_steps: int) -> None:
    ours, theirs = SCHEDULES[name]
    stepper = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    schedule = theirs(stepper, num_steps)
    for step in range(num_steps):
        assert 0.4 * ours(step, num_steps) == pytest.approx(
            stepper.param_groups[0]["lr"], rel=1e-9, abs=1e-12
        )
        stepper.step()
        if step < num_steps - 1:
            schedule.step()


def test_the_range_test_grows_by_one_ratio_up_to_the_peak() -> None:
    factors = [schedules.range_test(1e-4)(step, 9) for step in range(9)]
    assert factors[0] == pytest.approx(1e-4)
    assert factors[-1] == 1
    ratios = [after / before for before, after in pairwise(factors)]
    assert ratios == pytest.approx([ratios[0]] * 8)
    assert schedules.range_test(1e-4)(0, 1) == pytest.approx(1e-4)


def test_a_rate_is_a_share_of_its_peak() -> None:
    stepper = stock_optimizer([torch.zeros(1, requires_grad=True)], rule("sgd"), {"lr": 0.5})
    set_rate(stepper, 0.1)
    set_rate(stepper, 0.2)
    assert stepper.param_groups[0]["lr"] == pytest.approx(0.1)


def test_muon_moves_matrices_as_torch_does_and_all_else_as_adamw() -> None:
    torch.manual_seed(0)
    net, by_hand = nn.Linear(5, 4), nn.Linear(5, 4)
    by_hand.load_state_dict(net.state_dict())
    ours = stock_optimizer(net.parameters(), rule("muon"), {"lr": 0.02})
    theirs = [
        torch.optim.Muon([by_hand.weight], lr=0.02, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW([by_hand.bias], lr=0.02, weight_decay=0.1),
    ]
    before = net.weight.detach().clone()
    for step in range(3):
        set_rate(ours, 1 / (step + 1))
        for mine, other in zip(net.parameters(), by_hand.parameters(), strict=True):
            mine.grad = other.grad = gradients(mine.detach(), step)
        ours.step()
        for stepper in theirs:
            stepper.param_groups[0]["lr"] = 0.02 / (step + 1)
            stepper.step()
    assert not torch.equal(net.weight, before)
    torch.testing.assert_close(net.state_dict(), by_hand.state_dict(), rtol=0, atol=0)


def test_muon_cannot_be_wrapped() -> None:
    for wrap in (lookahead, clipped):
        with pytest.raises(ValueError, match="optimizer 'muon' cannot be wrapped"):
            wrap("muon")


def test_an_unknown_optimizer_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match="optimizer 'adan' is unknown; did you mean 'adam'"):
        rule("adan")
    with pytest.raises(ValueError, match="use one of sgd, rmsprop"):
        rule("xyzzy")


def test_wrapped_rules_have_the_defaults_of_their_papers() -> None:
    """Five steps and half the way for lookahead (Zhang et al. 2019); clipping is off."""
    ahead, short = lookahead("sgd").defaults, clipped("sgd").defaults
    assert (ahead["la_steps"], ahead["la_alpha"]) == (5, 0.5)
    assert (short["clip_norm"], short["clip_value"]) == (float("inf"), float("inf"))
