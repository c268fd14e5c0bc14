"""Train K nets as one tensor program: the loop of `fit`, with a row for each run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from recipes_lib.data.augment import Augment
from recipes_lib.data.splits import Splits
from recipes_lib.hardware import keep_memory
from recipes_lib.optim.rules import Rule
from recipes_lib.optim.schedules import Schedule
from recipes_lib.plan import LayerFactor, Loss, Observer, Plan, plan, score_of
from recipes_lib.progress import progress
from recipes_lib.sweep.batches import Pool, Together
from recipes_lib.sweep.runs import MakeNet, Run, Trained, seed_of, seeded_net
from recipes_lib.sweep.stack import Stack


def train_stacked(
    make_net: MakeNet,
    drawn: dict[int, Splits],
    runs: Sequence[Run],
    rows: Sequence[int],
    *,
    num_epochs: int | None,
    num_steps: int | None,
    batch_size: int,
    optimizer: Rule,
    schedule: Schedule | None,
    layer_factor: LayerFactor | None,
    loss: Loss,
    augment: Augment | None,
    after_step: Observer | None,
    after_epoch: Observer | None,
    compiled: bool,
) -> Trained:
    """Train all runs together, which observers know by the numbers `rows`; see `fit_many`."""
    keep_memory()
    seeds = [seed_of(run) for run in runs]
    train = Pool({seed: splits.train for seed, splits in drawn.items()}, seeds)
    valid = Pool({seed: splits.valid for seed, splits in drawn.items()}, seeds)
    first = drawn[seeds[0]].train
    course = plan(first, batch_size, num_epochs, num_steps, schedule, layer_factor)
    nets = [seeded_net(make_net, seed).to(first.x.device) for seed in seeds]
    h = _columns(runs, {**optimizer.defaults, "label_smoothing": 0.0})
    stack = Stack(nets, optimizer, h, loss)
    step = torch.compile(stack.step, dynamic=False) if compiled else stack.step
    rates = enumerate(_rates(stack, course, h["lr"]))
    together = augment and Together(augment)
    # Runs of one seed share their batches, unless each run's are augmented.
    dealt = seeds[:1] if len(set(seeds)) == 1 and not augment else seeds
    generators = {seed: torch.Generator().manual_seed(seed) for seed in drawn}
    step_losses: list[Tensor] = []
    metrics = []
    for epoch, length in enumerate(progress(course.epochs), 1):
        stack.net.train()
        order = _shuffled(generators, dealt, train)
        for index in order.split(batch_size, dim=1)[:length]:
            x, y, *targets = train.take(index)
            if together:
                x, y = together(x, y)
            done, lr = next(rates)
            # A batch of another size, the last, is not worth a second compilation.
            update = step if index.shape[1] == batch_size else stack.step
            step_losses.append(update(x, y, lr, *targets))
            if after_step:
                after_step(done, rows, stack.trained())
        mean = torch.stack(step_losses[-length:]).mean(0)
        metrics.append(torch.stack([mean, *stack.scores(valid, score_of(loss, first))], dim=1))
        if after_epoch:
            after_epoch(epoch, rows, stack.trained())
    history = {"metrics": torch.stack(metrics, 1), "step_losses": torch.stack(step_losses, 1)}
    return stack.trained() | history


def _shuffled(
    generators: Mapping[int, torch.Generator], dealt: Sequence[int], train: Pool
) -> Tensor:
    """Draw the order of the images for each seed that is dealt, (seeds, N)."""
    orders = {
        seed: torch.randperm(train.size, generator=generator)
        for seed, generator in generators.items()
    }
    return torch.stack([orders[seed] for seed in dealt]).to(train.first.device)


def _rates(stack: Stack, course: Plan, lr: Tensor) -> Iterator[Tensor]:
    """Yield the rate of each run, (K, 1), at each step; with `layer_factor` of each weight, (K, P).

    `lr` (K, 1) is float64, on the processor: all rates are computed there, and sent at once.
    """
    factors = torch.tensor(course.factors, dtype=torch.float64)
    rates = stack.exact((lr * factors).unsqueeze(2)).unbind(1)
    if not course.layer_factor:
        yield from rates
        return
    sizes = [shape.numel() for shape in stack.shapes.values()]
    layers = stack.exact(torch.tensor(course.layers(stack.shapes), dtype=torch.float64))
    counts, total = torch.tensor(sizes, device=layers.device), sum(sizes)
    for rate, own in zip(rates, layers, strict=True):
        yield rate * own.repeat_interleave(counts, output_size=total)  # (K, 1) by (P,)


def _columns(runs: Sequence[Run], defaults: Mapping[str, float]) -> dict[str, Any]:
    """Return (K, 1) for `lr` and for what differs between the runs, and one number for all the
    rest.
    """
    values = {
        name: [float(run.get(name, default)) for run in runs] for name, default in defaults.items()
    }
    return {
        name: torch.tensor(mine, dtype=torch.float64)[:, None]
        if name == "lr" or len(set(mine)) > 1
        else mine[0]
        for name, mine in values.items()
    }
