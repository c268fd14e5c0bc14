"""32 MLPs on two cores: threads and processes, against the loop on one and against joblib and Ray
Tune.
"""

import os
import tempfile
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch

from benchmarks.pace import Paced
from benchmarks.sweep import LOOP, NUM_NETS, PER_STEP, loop_side, many
from benchmarks.timing import Side, group, peer
from benchmarks.work import digits, rates, small_net, steps, tensor_loop
from recipes_lib.hardware import Stopwatch


def two_cores_compiled(rounds: int, num_epochs: int = 16) -> dict[str, Any]:
    """Train 32 MLPs compiled, before the rest and apart: idle threads of another pool were seen to
    double the time.
    """
    how: dict[str, Any] = {
        "units": NUM_NETS * steps(num_epochs, digits()),
        "than": LOOP,
        "reach": "≥ 12",
    }
    with Paced(NUM_NETS, num_epochs, rounds, strategy="stacked-compiled", threads=2) as compiled:
        sides = [
            loop_side(rates(NUM_NETS)[::4], num_epochs),
            Side("stacked-compiled, 2 threads, once compiled", compiled, **how, threads=2),
        ]
        return group(
            "32 MLPs 64-128-10 on two cores, compiled",
            PER_STEP,
            sides,
            rounds,
            "The loop keeps to one core.",
        )


def two_cores(rounds: int, num_epochs: int = 16) -> dict[str, Any]:
    """Train 32 MLPs on two cores."""
    how: dict[str, Any] = {"units": NUM_NETS * steps(num_epochs, digits()), "than": LOOP}
    stacked = partial(many, NUM_NETS, num_epochs, strategy="stacked")
    processes = partial(stacked, engine="processes", num_workers=2)
    once = how | {"reports": True, "rounds": 1}
    sides = [
        loop_side(rates(NUM_NETS)[::4], num_epochs),
        Side("stacked, 2 threads", stacked, **how, reach="≥ 12", threads=2),
        Side("stacked, 2 processes", processes, **how, reach="≥ 12"),
        peer("joblib, the loop in 2 processes", partial(_joblib, num_epochs), **how),
        peer("Ray Tune, 2 processes", lambda: _ray_tune(num_epochs, "trials"), **once),
        peer("Ray Tune, its start counted", lambda: _ray_tune(num_epochs, "whole"), **once),
    ]
    note = (
        "The loop keeps to one core. "
        "Ray Tune runs one sweep, with a trial a net and its actors reused."
    )
    return group("The same sweep on two cores", PER_STEP, sides, rounds, note)


def _train_one(lr: float, num_epochs: int) -> None:
    torch.set_num_threads(1)
    tensor_loop(small_net, digits(), [lr], num_epochs)


def _joblib(num_epochs: int) -> Callable[[], Any]:
    from joblib import Parallel, delayed

    return lambda: Parallel(2)(delayed(_train_one)(lr, num_epochs) for lr in rates(NUM_NETS))


def _ray_tune(num_epochs: int, part: str) -> Callable[[], float]:
    from ray import tune  # noqa: F401

    return lambda: _ray_seconds(num_epochs)[part]


@cache
def _ray_seconds(num_epochs: int) -> dict[str, float]:
    """Run one sweep; return its seconds with and without the start of Ray."""
    import ray

    # A cluster of our own, closed to others, needs no token; and nobody is told of it.
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    with tempfile.TemporaryDirectory() as folder, Stopwatch() as whole:
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
        )
        with Stopwatch() as trials:
            _ray_sweep(num_epochs, folder)
        ray.shutdown()
    return {"trials": trials.seconds, "whole": whole.seconds}


def _ray_sweep(num_epochs: int, folder: str) -> None:
    from ray import tune

    def trial(config: dict[str, float]) -> None:
        _train_one(config["lr"], num_epochs)
        tune.report({"done": 1})

    results = tune.Tuner(
        trial,
        param_space={"lr": tune.grid_search(rates(NUM_NETS))},
        tune_config=tune.TuneConfig(reuse_actors=True),
        run_config=tune.RunConfig(storage_path=folder, verbose=0),
    ).fit()
    if results.errors:
        raise results.errors[0]
