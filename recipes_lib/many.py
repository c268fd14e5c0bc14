"""Train many nets as one tensor program: each with its own seed, rate, momentum, decay, smoothing, batch order."""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from joblib import Parallel, delayed
from torch import Tensor, nn
from torch.func import functional_call, vmap

from recipes_lib.data import Split, Splits
from recipes_lib.optim import Rule, Schedule, require, rule
from recipes_lib.train import (
    METRICS,
    Augment,
    Loss,
    check,
    check_data,
    evaluate,
    fit,
    has_convolutions,
    keep_memory,
    progress,
    schedule_factors,
    steps_per_epoch,
)

Run = dict[str, Any]
# Weights and buffers by name, "metrics" (num_epochs, 3), "step_losses" (num_steps,); each led by K where K runs are.
Trained = dict[str, Tensor]
STRATEGIES = ("auto", "stacked", "stacked-compiled", "sequential")
COMPILING_PAYS = 50_000  # steps: compiling takes up to 26 s and saves about half a millisecond a step
ATTEMPTS = 3
each: Callable[..., Callable[..., Tensor]] = partial(vmap, randomness="different")


def grid(**values: Iterable[Any]) -> list[Run]:
    """Return every combination: `grid(lr=[0.1, 1.0], seed=range(8))` gives 16 runs."""
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


@dataclass(frozen=True)
class Runs:
    """Finished runs: `table` has a row per run and epoch; `strategy` says how they were trained, and why so."""

    table: pd.DataFrame
    step_losses: Tensor
    strategy: str
    runs: Sequence[Run]
    weights: dict[str, Tensor]
    make_net: Callable[[], nn.Module]
    draw: Callable[[int], Splits]
    loss: Loss

    @property
    def last(self) -> pd.DataFrame:
        """The rows of the last epoch, one per run."""
        return self.table.groupby("run", as_index=False).tail(1).reset_index(drop=True)

    def best(self) -> int:
        """Return the run of highest validation accuracy; of equals, that of lowest validation loss."""
        ranked = self.last.sort_values(["valid_accuracy", "valid_loss"], ascending=[False, True], kind="stable")
        return int(ranked.run.iloc[0])

    def net(self, run: int) -> nn.Module:
        """Return a net with that run's weights, on their device."""
        net = self.make_net()
        net.load_state_dict({name: value[run] for name, value in self.weights.items()})
        return net.to(self.step_losses.device)

    def test(self, runs: Iterable[int] | None = None) -> pd.DataFrame:
        """Return `test_loss` and `test_accuracy` of these runs, or of all; only this looks at test data."""
        chosen = range(len(self.runs)) if runs is None else list(runs)
        parts = {seed: self.draw(seed).test for seed in {_seed(self.runs[run]) for run in chosen}}
        scores = [evaluate(self.net(run), parts[_seed(self.runs[run])], self.loss) for run in chosen]
        rows = [{"run": run, **self.runs[run]} for run in chosen]
        return pd.DataFrame(rows).join(pd.DataFrame(scores, columns=["test_loss", "test_accuracy"]))


def fit_many(
    make_net: Callable[[], nn.Module],
    splits: Splits | Callable[[int], Splits],
    runs: Sequence[Run],
    *,
    num_epochs: int,
    batch_size: int,
    optimizer: str | Rule = "sgd",
    schedule: Schedule | None = None,
    loss: Loss = F.cross_entropy,
    augment: Augment | None = None,
    strategy: str = "auto",
    engine: str = "here",
    num_workers: int | None = None,
    checkpoint: str | Path | None = None,
) -> Runs:
    """Train a net for each run, as `fit` trains it alone after `torch.manual_seed(seed); net = make_net()`.

    A run names its hyperparameters, `seed` and `label_smoothing`; `splits` may draw new ones for each seed.
    `strategy` is one of `STRATEGIES`; `engine` is "here" or "processes", `num_workers` of them (default: one a
    core). Runs that the folder `checkpoint` holds are not trained again. Only the random draws of dropout and of
    `augment` differ between stacked and lone runs. Raises `ValueError` for what cannot be trained.
    """
    draw = (lambda seed: splits) if isinstance(splits, Splits) else splits
    require("strategy", [strategy], STRATEGIES)
    require("engine", [engine], ["here", "processes"])
    how: dict[str, Any] = {"num_epochs": num_epochs, "batch_size": batch_size, "optimizer": rule(optimizer)}
    drawn = _draw_and_check(draw, runs, **how)
    first, net = next(iter(drawn.values())).train, make_net()
    factors = schedule_factors(schedule, num_epochs * steps_per_epoch(first, batch_size))
    chosen, why = _choose(strategy, net, len(runs), len(factors), first.x.device)
    trainer = _one_by_one if chosen == "sequential" else partial(_stacked, compiled=chosen == "stacked-compiled")
    train = partial(trainer, make_net, **how, schedule=schedule, loss=loss, augment=augment)
    kept = _Kept()
    if checkpoint:
        data = {seed: _contents(splits) for seed, splits in drawn.items()}
        texts = [f"{net} {how} {factors} {loss} {augment} {run} {data[_seed(run)]}" for run in runs]
        kept.load(Path(checkpoint), texts, first.x.device)
    workers = 1 if engine == "here" else num_workers or os.cpu_count() or 1
    _train_missing(train, drawn, runs, kept, workers, alone=chosen == "sequential")
    trained = _stack([kept[run] for run in range(len(runs))])
    table, step_losses = _tidy(runs, trained.pop("metrics")), trained.pop("step_losses")
    return Runs(table, step_losses, f"{chosen}: {why}", runs, trained, make_net, draw, loss)


def _seed(run: Run) -> int:
    return run.get("seed", 0)  # type: ignore[no-any-return]


def _stack(runs: Sequence[Trained]) -> Trained:
    return {name: torch.stack([run[name] for run in runs]) for name in runs[0]}


def _draw_and_check(draw: Callable[[int], Splits], runs: Sequence[Run], **how: Any) -> dict[int, Splits]:
    if not runs:
        raise ValueError("runs is empty; give at least one, as grid(lr=[0.1]) does")
    drawn: dict[int, Splits] = {}
    for run in runs:
        hyperparameters = {name: value for name, value in run.items() if name not in ("seed", "label_smoothing")}
        check(seed=_seed(run), hyperparameters=hyperparameters, **how)
        drawn[_seed(run)] = drawn.get(_seed(run)) or draw(_seed(run))
    for splits in drawn.values():
        check_data(splits, how["batch_size"])
    if len({(len(splits.train), len(splits.valid)) for splits in drawn.values()}) > 1:
        raise ValueError("the splits of some seeds differ in size; draw all in one size")
    return drawn


def _choose(strategy: str, net: nn.Module, num_runs: int, num_steps: int, device: torch.device) -> tuple[str, str]:
    recurrent = any(isinstance(module, nn.RNNBase) for module in net.modules())
    if recurrent and strategy.startswith("stacked"):
        raise ValueError(f"strategy {strategy!r} has no rule for nn.LSTM, nn.GRU and nn.RNN; use 'sequential'")
    if strategy != "auto":
        return strategy, "as told"
    if recurrent:
        return "sequential", "nn.LSTM, nn.GRU and nn.RNN cannot be stacked"
    if num_runs == 1:
        return "sequential", "there is one run"
    if has_convolutions(net) and device.type == "cpu":
        return "sequential", "a processor convolves faster net by net, channels last"
    if num_steps >= COMPILING_PAYS and (device.type == "cuda" or shutil.which("c++")):
        return "stacked-compiled", f"{num_steps} steps repay compiling"
    return "stacked", f"{num_runs} nets share each kernel, and {num_steps} steps would not repay compiling"


def _tidy(runs: Sequence[Run], metrics: Tensor) -> pd.DataFrame:
    rows = [
        {"run": index, **run, "epoch": epoch, **dict(zip(METRICS, values, strict=True))}
        for index, (run, epochs) in enumerate(zip(runs, metrics.tolist(), strict=True))
        for epoch, values in enumerate(epochs, 1)
    ]
    return pd.DataFrame(rows)


class _Kept(dict[int, Trained]):
    """Finished runs; with a folder each in a file as well, named by all it depends on (of functions, their names)."""

    files: Sequence[Path] = ()

    def load(self, folder: Path, settings: Sequence[str], device: torch.device) -> None:
        """Take up the runs that `folder` holds, and keep there all that finish from now on."""
        folder.mkdir(parents=True, exist_ok=True)
        # Functions print with an address, which differs from process to process.
        texts = [re.sub(r" at 0x[0-9a-f]+", "", text) for text in settings]
        self.files = [folder / f"{sha256(text.encode()).hexdigest()[:32]}.pt" for text in texts]
        for run, file in enumerate(self.files):
            if file.exists():
                super().__setitem__(run, torch.load(file, weights_only=True, map_location=device))

    def __setitem__(self, run: int, trained: Trained) -> None:
        super().__setitem__(run, trained)
        if self.files:
            torch.save(trained, partial_file := self.files[run].with_suffix(f".{os.getpid()}"))
            partial_file.replace(self.files[run])


def _contents(splits: Splits) -> list[Any]:
    return [(part.x.shape, part.x.double().sum().item()) for part in (splits.train, splits.valid)]


def _train_missing(
    train: Callable[..., Trained],
    drawn: dict[int, Splits],
    runs: Sequence[Run],
    kept: _Kept,
    workers: int,
    *,
    alone: bool,
) -> None:
    for attempt in range(ATTEMPTS):
        missing = [run for run in range(len(runs)) if run not in kept]
        parts = [[run] for run in missing] if alone else [missing[start::workers] for start in range(workers)]
        tasks = [(part, [runs[run] for run in part]) for part in parts if part]
        work = (delayed(_work)(train, {_seed(r): drawn[_seed(r)] for r in rs}, rs, part, workers) for part, rs in tasks)
        try:
            for part, trained in progress(Parallel(workers, return_as="generator_unordered")(work), len(tasks)):
                for place, run in enumerate(part):
                    kept[run] = {name: value[place].clone() for name, value in trained.items()}
            return
        except BrokenExecutor as error:
            if attempt == ATTEMPTS - 1:
                raise RuntimeError(f"workers died {ATTEMPTS} times, maybe of too little memory; use fewer") from error


def _work(
    train: Callable[..., Trained], drawn: dict[int, Splits], runs: Sequence[Run], part: list[int], workers: int
) -> tuple[list[int], Trained]:
    if workers > 1:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))
    return part, train(drawn, runs)


def _one_by_one(
    make_net: Callable[[], nn.Module], drawn: dict[int, Splits], runs: Sequence[Run], **how: Any
) -> Trained:
    trained = []
    for run in runs:
        net = _seeded(make_net, _seed(run))
        history = fit(net, drawn[_seed(run)], **how, **run)
        metrics = torch.tensor(history.table[list(METRICS)].to_numpy())
        trained.append({**net.state_dict(), "metrics": metrics, "step_losses": history.step_losses})
    return _stack(trained)


class _Pool:
    """The images of all seeds, each once, and where those of each run begin."""

    def __init__(self, parts: Mapping[int, Split], seeds: Sequence[int]) -> None:
        distinct = {id(part): part for part in parts.values()}
        self.size = len(parts[seeds[0]])
        self.x = torch.cat([part.x for part in distinct.values()])
        self.y = torch.cat([part.y for part in distinct.values()])
        first = {name: index * self.size for index, name in enumerate(distinct)}
        self.first = torch.tensor([[first[id(parts[seed])]] for seed in seeds], device=self.y.device)

    def take(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Gather each run's images at `index` (K, B): x (K, B, C, H, W) and y (K, B)."""
        rows = (index + self.first).flatten()
        x, y = self.x.index_select(0, rows), self.y.index_select(0, rows)
        return x.view(*index.shape, *x.shape[1:]), y.view(index.shape)


class _Linear(nn.Linear):
    """A linear layer with images last: its gradients then come out of the matrix product as they are stored."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 2:
            return super().forward(x)
        product = self.weight @ x.mT
        return (product if self.bias is None else product.add_(self.bias[:, None])).mT


class _Stack:
    """K nets as one; their weights are the rows of one tensor (K, P), so that an update is a few kernels."""

    def __init__(self, nets: Sequence[nn.Module], kind: Rule, h: Mapping[str, Any], loss: Loss) -> None:
        self.net, self.kind, self.h, self.loss = nets[0], kind, h, loss
        tensors = [dict([*net.named_parameters(), *net.named_buffers()]) for net in nets]
        self.shapes = {name: value.shape for name, value in tensors[0].items() if value.requires_grad}
        rows = [torch.cat([mine[name].detach().flatten() for name in self.shapes]) for mine in tensors]
        self.fixed = {
            name: torch.stack([mine[name].detach() for mine in tensors])
            for name in tensors[0]
            if name not in self.shapes
        }
        self.w = torch.stack(rows).requires_grad_()
        self.state = kind.init(self.w.detach())
        self.count = torch.zeros((), dtype=torch.float64, device=self.w.device)
        for module in self.net.modules():
            if type(module) is nn.Linear:
                module.__class__ = _Linear

    def named(self, w: Tensor) -> dict[str, Tensor]:
        """Return the weights (K, P) by name, each (K, …)."""
        pieces = w.split([shape.numel() for shape in self.shapes.values()], dim=1)
        return {name: piece.view(-1, *self.shapes[name]) for name, piece in zip(self.shapes, pieces, strict=True)}

    def outputs(self, w: Tensor, fixed: dict[str, Tensor], x: Tensor) -> Tensor:
        """Return logits (K, B, classes)."""
        call = partial(functional_call, self.net)
        return each(lambda *mine: call(mine[:2], mine[2:]))(self.named(w), fixed, x)

    def losses(self, outputs: Tensor, y: Tensor, **smoothing: Any) -> Tensor:
        """Return a loss for each run (K,)."""
        if self.loss is not F.cross_entropy:
            return each(partial(self.loss, **smoothing))(outputs, y)
        # Runs as the batch and images as pixels: this kernel is vectorised over images, unlike that over 10 classes.
        return F.cross_entropy(outputs.mT, y.mT if y.dim() == 3 else y, reduction="none", **smoothing).mean(1)

    def total(self, w: Tensor, fixed: dict[str, Tensor], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of all losses, whose gradient is each run's own, and the losses (K,)."""
        outputs = self.outputs(w, fixed, x)
        losses, smoothing = self.losses(outputs, y), self.h["label_smoothing"]
        if isinstance(smoothing, Tensor) or smoothing:
            # The smoothed loss is linear in the smoothing, which torch's loss takes only as a number.
            share = torch.as_tensor(smoothing, dtype=losses.dtype, device=losses.device).flatten()
            losses = losses.lerp(self.losses(outputs, y, label_smoothing=1.0), share)
        return losses.sum(), losses

    def step(self, x: Tensor, y: Tensor, lr: Tensor) -> Tensor:
        """Update all weights on a batch of each run, at rates `lr` (K, 1); return the losses (K,)."""
        losses: Tensor
        if torch.compiler.is_compiling():
            # Dynamo traces this one; outside it, autograd on the sum costs less per call.
            grad, losses = torch.func.grad(self.total, has_aux=True)(self.w.detach(), self.fixed, x, y)
        else:
            total, losses = self.total(self.w, self.fixed, x, y)
            (grad,) = torch.autograd.grad(total, self.w)
        with torch.no_grad():
            self.kind.update(self.w, grad, self.state, self.count.add_(1), {**self.h, "lr": lr})
        return losses.detach()

    @torch.no_grad()
    def scores(self, pool: _Pool) -> tuple[Tensor, Tensor]:
        """Return loss and accuracy of each run (K,) on the whole pool."""
        self.net.eval()
        index = torch.arange(pool.size, device=self.w.device).expand(len(self.w), -1)
        batches = [pool.take(part) for part in index.split(256, dim=1)]
        # Joined with the images last, as `losses` wants them.
        outputs = torch.cat([self.outputs(self.w, self.fixed, x).mT for x, _ in batches], dim=2).mT
        y = torch.cat([y for _, y in batches], dim=1)
        right: Tensor = outputs.max(2).indices == y  # `argmax` is ten times slower in this layout
        return self.losses(outputs, y), right.to(outputs.dtype).mean(1)

    def trained(self) -> Trained:
        """Return the weights and buffers under the names of the net's `state_dict`."""
        named, names = {**self.named(self.w.detach()), **self.fixed}, {}
        for name, value in [*self.net.named_parameters(), *self.net.named_buffers()]:
            names[id(value)] = name
        return {name: named[names[id(value)]] for name, value in self.net.state_dict(keep_vars=True).items()}


def _stacked(
    make_net: Callable[[], nn.Module],
    drawn: dict[int, Splits],
    runs: Sequence[Run],
    *,
    num_epochs: int,
    batch_size: int,
    optimizer: Rule,
    schedule: Schedule | None,
    loss: Loss,
    augment: Augment | None,
    compiled: bool,
) -> Trained:
    keep_memory()
    seeds = [_seed(run) for run in runs]
    train = _Pool({seed: splits.train for seed, splits in drawn.items()}, seeds)
    valid = _Pool({seed: splits.valid for seed, splits in drawn.items()}, seeds)
    nets = [_seeded(make_net, seed).to(train.x.device) for seed in seeds]
    h = _columns(runs, {**optimizer.defaults, "label_smoothing": 0.0}, train.x.device)
    stack = _Stack(nets, optimizer, h, loss)
    step = torch.compile(stack.step, dynamic=False) if compiled else stack.step
    num_steps = -(-train.size // batch_size)
    factors = torch.tensor(schedule_factors(schedule, num_epochs * num_steps), dtype=torch.float64)
    rates = iter((h["lr"] * factors.to(train.x.device)).unsqueeze(2).unbind(1))
    generators = {seed: torch.Generator().manual_seed(seed) for seed in drawn}
    step_losses, metrics = [], []
    for _ in progress(range(num_epochs)):
        stack.net.train()
        orders = {seed: torch.randperm(train.size, generator=generator) for seed, generator in generators.items()}
        order = torch.stack([orders[seed] for seed in seeds]).to(train.x.device)
        for index in order.split(batch_size, dim=1):
            x, y = train.take(index)
            if augment:
                x, y = (torch.stack(part) for part in zip(*map(augment, x, y), strict=True))
            # A batch of another size, the last, is not worth a second compilation.
            step_losses.append((step if index.shape[1] == batch_size else stack.step)(x, y, next(rates)))
        metrics.append(torch.stack([torch.stack(step_losses[-num_steps:]).mean(0), *stack.scores(valid)], dim=1))
    return stack.trained() | {"metrics": torch.stack(metrics, 1), "step_losses": torch.stack(step_losses, 1)}


def _seeded(make_net: Callable[[], nn.Module], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return make_net()


def _columns(runs: Sequence[Run], defaults: Mapping[str, float], device: torch.device) -> dict[str, Any]:
    """Return (K, 1) for `lr` and for what differs between the runs, and one number for all the rest."""
    values = {name: [float(run.get(name, default)) for run in runs] for name, default in defaults.items()}
    return {
        name: torch.tensor(mine, dtype=torch.float64, device=device)[:, None]
        if name == "lr" or len(set(mine)) > 1
        else mine[0]
        for name, mine in values.items()
    }
