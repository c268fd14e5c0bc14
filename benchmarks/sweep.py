"""Many small nets on one thread: `fit_many` against a loop that trains them one after another."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Any

import torch
from torch import nn

from benchmarks.pace import Paced
from benchmarks.timing import Side, group
from benchmarks.work import (
    BATCH_SIZE,
    MOMENTUM,
    digits,
    flops,
    images,
    rates,
    small_cnn,
    small_net,
    steps,
    tensor_loop,
)
from recipes_lib.data.splits import Splits
from recipes_lib.hardware import Stopwatch
from recipes_lib.sweep.many import fit_many
from recipes_lib.sweep.runs import grid

LOOP = "the tensor loop"
NUM_NETS = 32
MakeNet = Callable[[], nn.Module]
PER_STEP = "net and step"


def many(num_nets: int, num_epochs: int, make_net: MakeNet = small_net, **how: Any) -> None:
    """Train so many nets, each at a rate of its own."""
    splits, runs = splits_of(make_net), grid(lr=rates(num_nets), momentum=[MOMENTUM])
    fit_many(make_net, splits, runs, num_epochs=num_epochs, batch_size=BATCH_SIZE, **how)


def splits_of(make_net: MakeNet) -> Splits:
    """Return the data that goes with the net."""
    return images() if make_net is small_cnn else digits()


def loop_side(
    lrs: Sequence[float], num_epochs: int, make_net: MakeNet = small_net, **how: Any
) -> Side:
    """Return the reference, for some of the nets: they take turns, so that a step of each costs the
    same.
    """
    splits = splits_of(make_net)
    work = partial(tensor_loop, make_net, splits, lrs, num_epochs, **how)
    return Side(LOOP, work, len(lrs) * steps(num_epochs, splits))


def one_thread(rounds: int, num_epochs: int = 8) -> dict[str, Any]:
    """Train 32 MLPs in one thread."""
    units = NUM_NETS * steps(num_epochs, digits())
    stacked = partial(many, NUM_NETS, num_epochs, strategy="stacked")
    with Paced(NUM_NETS, num_epochs, rounds, strategy="stacked-compiled") as compiled:
        sides = [
            loop_side(rates(NUM_NETS)[::4], num_epochs),
            Side("stacked", stacked, units, LOOP, reach="≥ 3.6"),
            Side("stacked-compiled, once compiled", compiled, units, LOOP, reach="≥ 6.9"),
        ]
        note = (
            "Momentum SGD, batch 64, an own rate each. "
            "Every side scores each net on validation data each epoch."
        )
        return group("32 MLPs 64-128-10, digits, one thread", PER_STEP, sides, rounds, note)


def peak(rounds: int, num_epochs: int = 8) -> dict[str, Any]:
    """Compare the arithmetic of a sweep in a second with that of a large matrix product."""
    size, product, work = 2048, "a 2048×2048 matrix product", NUM_NETS * flops(num_epochs) / 1e9
    a, out = torch.randn(size, size), torch.empty(size, size)
    stacked = partial(many, NUM_NETS, num_epochs, strategy="stacked")
    goal: dict[str, Any] = {
        "units": work,
        "than": product,
        "relation": "% of the speed of",
        "reach": "≥ 51",
    }
    with Paced(NUM_NETS, num_epochs, rounds, strategy="stacked-compiled") as compiled:
        sides = [
            Side(product, lambda: torch.mm(a, a, out=out), 2 * size**3 / 1e9),
            Side("stacked", stacked, **goal),
            Side("stacked-compiled, once compiled", compiled, **goal),
        ]
        note = (
            "Counted are the matrix products of the net, "
            "forward, backward and for the scores; nothing else."
        )
        return group(
            "The same: share of the processor's peak", "billion operations", sides, rounds, note
        )


def short(rounds: int, num_epochs: int = 30) -> dict[str, Any]:
    """Train for about 500 steps, with all that it takes to start."""
    units = NUM_NETS * steps(num_epochs, digits())
    counted: dict[str, Any] = {
        "units": units,
        "than": LOOP,
        "reports": True,
        "rounds": min(rounds, 2),
    }
    with _compiler_cache():
        _compiled_afresh(num_epochs)  # fills the cache
        sides = [
            loop_side(rates(NUM_NETS)[::8], num_epochs),
            Side(
                "auto",
                partial(many, NUM_NETS, num_epochs, strategy="auto"),
                units,
                LOOP,
                reach="≥ 4",
            ),
            Side("stacked-compiled, warm cache", partial(_compiled_afresh, num_epochs), **counted),
            Side("stacked-compiled, cold cache", partial(_compiled_cold, num_epochs), **counted),
        ]
        note = (
            "Compiled sides run in a fresh process each round; "
            "its start and its imports are not counted."
        )
        title = f"The same for {steps(num_epochs, digits())} steps, compiling counted"
        return group(title, PER_STEP, sides, rounds, note)


@contextmanager
def _compiler_cache() -> Iterator[None]:
    before = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        try:
            yield
        finally:
            del os.environ["TORCHINDUCTOR_CACHE_DIR"]
            os.environ.update({"TORCHINDUCTOR_CACHE_DIR": before} if before else {})


def _compiled_cold(num_epochs: int) -> float:
    with _compiler_cache():
        return _compiled_afresh(num_epochs)


def _compiled_afresh(num_epochs: int) -> float:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_compiled_seconds, num_epochs).result()


def _compiled_seconds(num_epochs: int) -> float:
    torch.set_num_threads(1)
    digits()
    with Stopwatch() as watch:
        many(NUM_NETS, num_epochs, strategy="stacked-compiled")
    return watch.seconds


def convolutions(rounds: int, num_nets: int = 16) -> dict[str, Any]:
    """Train 16 small CNNs."""
    units = num_nets * steps(1, images())
    sides = [
        loop_side(rates(num_nets)[::4], 1, small_cnn, layout=torch.channels_last),
        Side(
            "auto",
            partial(many, num_nets, 1, small_cnn, strategy="auto"),
            units,
            LOOP,
            reach="≥ 1.3",
        ),
        Side("stacked", partial(many, num_nets, 1, small_cnn, strategy="stacked"), units, LOOP),
    ]
    note = "Two convolutions of 8 and 16 channels; the loop keeps its images channels last."
    return group("16 small CNNs, 28×28, one thread", PER_STEP, sides, rounds, note)
