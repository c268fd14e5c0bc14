"""Runs that differ in what no stack can hold come back as one sweep, in the order asked for."""

from functools import partial

import torch
from torch import nn

from recipes_lib import Split, Splits, fit_many, grid
from recipes_lib.sweep import Run, Runs, fit_parts

SPLIT = Split(
    torch.rand(32, 1, 2, 2, generator=torch.Generator().manual_seed(0)), torch.arange(32) % 2
)
SPLITS = Splits(SPLIT, SPLIT, SPLIT, ("a", "b"))


def make_net(width: float) -> nn.Sequential:
    """A net whose images are multiplied by `width`: it has no weight for that."""

    class Times(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return width * x

    return nn.Sequential(nn.Flatten(), nn.Sequential(Times()), nn.Linear(4, 2))


def fit(runs: list[Run], width: float) -> Runs:
    return fit_many(partial(make_net, width), SPLITS, runs, num_steps=6, batch_size=8)


def test_each_run_is_trained_as_in_a_sweep_of_its_own() -> None:
    # The parts are interleaved, so that joining them has something to set right.
    runs = grid(lr=[0.1, 1.0], seed=[3, 4], width=[1.0, 5.0])
    joined = fit_parts(fit, runs, ["width"])
    assert list(joined.runs) == runs
    assert list(joined.last.width) == [run["width"] for run in runs]
    for row, run in enumerate(runs):
        alone = fit([{"lr": run["lr"], "seed": run["seed"]}], run["width"])
        for name, weight in alone.weights.items():
            assert torch.allclose(joined.weights[name][row], weight[0], atol=1e-6)
        assert torch.allclose(joined.step_losses[row], alone.step_losses[0], atol=1e-6)
        assert abs(joined.last.valid_loss[row] - alone.last.valid_loss[0]) < 1e-6
