"""K nets as one tensor program: their images, their weights, their steps."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from recipes_lib.data.augment import Augment
from recipes_lib.data.splits import Splits
from recipes_lib.optim.rules import Rule
from recipes_lib.optim.schedules import Schedule
from recipes_lib.sweep.batches import Pool
from recipes_lib.sweep.mlp import chain_of
from recipes_lib.train import Loss, keep_memory, progress, schedule_factors

Run = dict[str, Any]
# Weights and buffers by name, "metrics" (num_epochs, 3), "step_losses" (num_steps,); each led by K
# where K runs are.
Trained = dict[str, Tensor]
each: Callable[..., Callable[..., Tensor]] = partial(vmap, randomness="different")


def seed_of(run: Run) -> int:
    """Return the seed of a run, by default 0."""
    return run.get("seed", 0)  # type: ignore[no-any-return]


def seeded_net(make_net: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Make a net with the initial weights that belong to a seed."""
    torch.manual_seed(seed)
    return make_net()


class _Linear(nn.Linear):
    """A linear layer with images last: its gradients then come out of the matrix product as they
    are stored.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 2:
            return super().forward(x)
        product = self.weight @ x.mT
        return (product if self.bias is None else product.add_(self.bias[:, None])).mT


class Stack:
    """K nets as one; their weights are the rows of one tensor (K, P), so that an update is a few
    kernels.
    """

    def __init__(
        self, nets: Sequence[nn.Module], kind: Rule, h: Mapping[str, Any], loss: Loss
    ) -> None:
        self.net, self.kind, self.h, self.loss = nets[0], kind, h, loss
        assert kind.update, "a rule without it is trained run after run"
        self.update = kind.update
        tensors = [dict([*net.named_parameters(), *net.named_buffers()]) for net in nets]
        self.shapes = {
            name: value.shape for name, value in tensors[0].items() if value.requires_grad
        }
        rows = [
            torch.cat([mine[name].detach().flatten() for name in self.shapes]) for mine in tensors
        ]
        self.fixed = {
            name: torch.stack([mine[name].detach() for mine in tensors])
            for name in tensors[0]
            if name not in self.shapes
        }
        self.w = torch.stack(rows).requires_grad_()
        self.state = kind.init(self.w.detach())
        self.chain = chain_of(self.net) if loss is F.cross_entropy else None
        self.count = torch.zeros((), dtype=torch.float64, device=self.w.device)
        for module in self.net.modules():
            if type(module) is nn.Linear:
                module.__class__ = _Linear

    def named(self, w: Tensor) -> dict[str, Tensor]:
        """Return the weights (K, P) by name, each (K, …)."""
        pieces = w.split([shape.numel() for shape in self.shapes.values()], dim=1)
        return {
            name: piece.view(-1, *self.shapes[name])
            for name, piece in zip(self.shapes, pieces, strict=True)
        }

    def outputs(self, w: Tensor, fixed: dict[str, Tensor], x: Tensor) -> Tensor:
        """Return logits (K, B, classes)."""
        if self.chain:
            return self.chain.outputs(self.named(w), x)
        call = partial(functional_call, self.net)
        return each(lambda *mine: call(mine[:2], mine[2:]))(self.named(w), fixed, x)

    def losses(self, outputs: Tensor, y: Tensor, **smoothing: Any) -> Tensor:
        """Return a loss for each run (K,)."""
        if self.loss is not F.cross_entropy:
            return each(partial(self.loss, **smoothing))(outputs, y)
        # Runs as the batch and images as pixels: this kernel is vectorised over images, unlike that
        # over 10 classes.
        return F.cross_entropy(
            outputs.mT, y.mT if y.dim() == 3 else y, reduction="none", **smoothing
        ).mean(1)

    def total(
        self, w: Tensor, fixed: dict[str, Tensor], x: Tensor, y: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the sum of all losses, whose gradient is each run's own, and the losses (K,)."""
        outputs = self.outputs(w, fixed, x)
        losses, smoothing = self.losses(outputs, y), self.h["label_smoothing"]
        if isinstance(smoothing, Tensor) or smoothing:
            # The smoothed loss is linear in the smoothing, which torch's loss takes only as a
            # number.
            share = torch.as_tensor(smoothing, dtype=losses.dtype, device=losses.device).flatten()
            losses = losses.lerp(self.losses(outputs, y, label_smoothing=1.0), share)
        return losses.sum(), losses

    def step(self, x: Tensor, y: Tensor, lr: Tensor) -> Tensor:
        """Update all weights on a batch of each run, at rates `lr` (K, 1); return the losses (K,)."""
        grad, losses = self.gradient(x, y)
        with torch.no_grad():
            self.update(self.w, grad, self.state, self.count.add_(1), {**self.h, "lr": lr})
        return losses.detach()

    def gradient(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient of all weights (K, P) on a batch of each run, and the losses (K,)."""
        losses: Tensor
        if self.chain and y.dim() == 2:
            w = self.w.detach()
            gradients, losses = self.chain.gradients(self.named(w), x, y, self.h["label_smoothing"])
            return torch.cat([gradients[name].flatten(1) for name in self.shapes], 1), losses
        if torch.compiler.is_compiling():
            # Dynamo traces this one; outside it, autograd on the sum costs less per call.
            grad, losses = torch.func.grad(self.total, has_aux=True)(
                self.w.detach(), self.fixed, x, y
            )
            return grad, losses
        total, losses = self.total(self.w, self.fixed, x, y)
        return torch.autograd.grad(total, self.w)[0], losses

    @torch.no_grad()
    def scores(self, pool: Pool) -> tuple[Tensor, Tensor]:
        """Return loss and accuracy of each run (K,) on the whole pool."""
        self.net.eval()
        index = torch.arange(pool.size, device=self.w.device).expand(
            1 if pool.alike else len(self.w), -1
        )
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
        return {
            name: named[names[id(value)]]
            for name, value in self.net.state_dict(keep_vars=True).items()
        }


def train_stacked(
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
    """Train all runs together; see `fit_many`."""
    keep_memory()
    seeds = [seed_of(run) for run in runs]
    train = Pool({seed: splits.train for seed, splits in drawn.items()}, seeds)
    valid = Pool({seed: splits.valid for seed, splits in drawn.items()}, seeds)
    nets = [seeded_net(make_net, seed).to(train.x.device) for seed in seeds]
    h = _columns(runs, {**optimizer.defaults, "label_smoothing": 0.0}, train.x.device)
    stack = Stack(nets, optimizer, h, loss)
    step = torch.compile(stack.step, dynamic=False) if compiled else stack.step
    num_steps = -(-train.size // batch_size)
    factors = torch.tensor(schedule_factors(schedule, num_epochs * num_steps), dtype=torch.float64)
    rates = iter((h["lr"] * factors.to(train.x.device)).unsqueeze(2).unbind(1))
    # Runs of one seed share their batches, unless each run's are augmented.
    dealt = seeds[:1] if len(set(seeds)) == 1 and not augment else seeds
    generators = {seed: torch.Generator().manual_seed(seed) for seed in drawn}
    step_losses, metrics = [], []
    for _ in progress(range(num_epochs)):
        stack.net.train()
        orders = {
            seed: torch.randperm(train.size, generator=generator)
            for seed, generator in generators.items()
        }
        order = torch.stack([orders[seed] for seed in dealt]).to(train.x.device)
        for index in order.split(batch_size, dim=1):
            x, y = train.take(index)
            if augment:
                x, y = (torch.stack(part) for part in zip(*map(augment, x, y), strict=True))
            # A batch of another size, the last, is not worth a second compilation.
            step_losses.append(
                (step if index.shape[1] == batch_size else stack.step)(x, y, next(rates))
            )
        metrics.append(
            torch.stack(
                [torch.stack(step_losses[-num_steps:]).mean(0), *stack.scores(valid)], dim=1
            )
        )
    return stack.trained() | {
        "metrics": torch.stack(metrics, 1),
        "step_losses": torch.stack(step_losses, 1),
    }


def _columns(
    runs: Sequence[Run], defaults: Mapping[str, float], device: torch.device
) -> dict[str, Any]:
    """Return (K, 1) for `lr` and for what differs between the runs, and one number for all the
    rest.
    """
    values = {
        name: [float(run.get(name, default)) for run in runs] for name, default in defaults.items()
    }
    return {
        name: torch.tensor(mine, dtype=torch.float64, device=device)[:, None]
        if name == "lr" or len(set(mine)) > 1
        else mine[0]
        for name, mine in values.items()
    }
