"""Whether a sweep is stacked, compiled, or trained run after run, and why."""

import shutil

import torch
from torch import Tensor, nn

from recipes_lib.optim.rules import Rule
from recipes_lib.sweep.mlp import chain_of
from recipes_lib.train import has_convolutions

STRATEGIES = ("auto", "stacked", "stacked-compiled", "sequential")
# Operations an image: below it stacked nets train up to 2.5 times as fast, above it half as fast.
SMALL_CNN = 80_000
# Steps: compiling takes up to 26 s and saves about half a millisecond a step.
COMPILING_PAYS = 50_000


def choose(
    strategy: str, net: nn.Module, optimizer: Rule, num_runs: int, num_steps: int, image: Tensor
) -> tuple[str, str]:
    """Return the strategy, "auto" resolved, and why.

    Raises `ValueError` where nets or optimizer cannot be stacked and the strategy says so.
    """
    recurrent = any(isinstance(module, nn.RNNBase) for module in net.modules())
    alone = (
        "nn.LSTM, nn.GRU and nn.RNN" if recurrent else "muon" if optimizer.update is None else ""
    )
    if alone and strategy.startswith("stacked"):
        raise ValueError(f"strategy {strategy!r} has no rule for {alone}; use 'sequential'")
    if strategy != "auto":
        return strategy, "as told"
    if alone:
        return "sequential", f"{alone} cannot be stacked"
    if num_runs == 1:
        return "sequential", "there is one run"
    if has_convolutions(net) and image.is_cpu and _operations(net, image) > SMALL_CNN:
        return "sequential", "a processor convolves faster net by net, channels last"
    # On a processor, what `Chain` writes out by hand is no faster compiled.
    compiles = image.is_cuda or (shutil.which("c++") and not chain_of(net))
    if num_steps >= COMPILING_PAYS and compiles:
        return "stacked-compiled", f"{num_steps} steps repay compiling"
    shared = f"{num_runs} nets share each kernel"
    return "stacked", f"{shared}, and {num_steps} steps would not repay compiling"


def _operations(net: nn.Module, image: Tensor) -> int:
    """Count the additions and multiplications for one image (1, C, H, W)."""
    from torch.utils.flop_counter import FlopCounterMode  # it brings Triton along

    net = net.to(image.device).eval()  # in training, BatchNorm refuses a single image
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(image)
    return int(counter.get_total_flops())
