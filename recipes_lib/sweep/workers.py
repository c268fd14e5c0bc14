"""The parts of a sweep at work: in this process, in processes beside it, or on a Ray cluster."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from typing import Any

import torch

from recipes_lib.data.splits import Splits
from recipes_lib.progress import progress
from recipes_lib.sweep.cluster import connect
from recipes_lib.sweep.runs import Run, Trained, seed_of

ENGINES = ("here", "processes", "ray")
ATTEMPTS = 3
# Nets; in one stack of 1,024 each was seen to cost twice as much on a processor.
LARGEST_STACK = 256
# Maps data by seed, runs and their numbers to what training left of them.
Work = Callable[[dict[int, Splits], Sequence[Run], Sequence[int]], Trained]
Part = tuple[list[int], Trained]


def train_all(
    train: Work,
    drawn: dict[int, Splits],
    runs: Sequence[Run],
    *,
    engine: str,
    workers: int,
    alone: bool,
) -> list[Trained]:
    """Train each run `alone` or in parts, one or more a worker; return what is left of each.

    What a dead worker had is tried again. Raises `RuntimeError` where workers keep dying.
    """
    start = _on_ray if engine == "ray" else _in_processes
    finished: dict[int, Trained] = {}
    for _ in range(ATTEMPTS):
        missing = [run for run in range(len(runs)) if run not in finished]
        on_processor = next(iter(drawn.values())).train.x.is_cpu
        num_parts = max(workers, -(-len(missing) // LARGEST_STACK) if on_processor else 1)
        parts = (
            [[run] for run in missing]
            if alone
            else [missing[first::num_parts] for first in range(num_parts)]
        )
        tasks = [_task(train, drawn, runs, part, workers) for part in parts if part]
        try:
            for part, trained in progress(start(tasks, workers), len(tasks)):
                for place, run in enumerate(part):
                    finished[run] = {name: value[place].clone() for name, value in trained.items()}
            return [finished[run] for run in range(len(runs))]
        except BrokenExecutor as error:
            broken = error
    raise RuntimeError(
        f"workers died {ATTEMPTS} times, maybe of too little memory; use fewer"
    ) from broken


def _task(
    train: Work, drawn: dict[int, Splits], runs: Sequence[Run], part: list[int], workers: int
) -> tuple[Any, ...]:
    """Give a worker no more data than its runs need."""
    mine = [runs[run] for run in part]
    return train, {seed_of(run): drawn[seed_of(run)] for run in mine}, mine, part, workers


def _work(
    train: Work, drawn: dict[int, Splits], runs: Sequence[Run], part: list[int], workers: int
) -> Part:
    if workers > 1:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // workers))
    return part, train(drawn, runs, part)


def _in_processes(tasks: Iterable[tuple[Any, ...]], workers: int) -> Iterable[Part]:
    from joblib import Parallel, delayed  # it takes a tenth of a second

    finished: Iterable[Part] = Parallel(workers, return_as="generator_unordered")(
        delayed(_work)(*task) for task in tasks
    )
    return finished


def _on_ray(tasks: Iterable[tuple[Any, ...]], workers: int) -> Iterator[Part]:
    ray = connect(workers)
    work = ray.remote(max_retries=0)(_work)
    waiting = [work.remote(*task) for task in tasks]
    try:
        while waiting:
            (done, *_), waiting = ray.wait(waiting)
            yield ray.get(done)
    except (
        ray.exceptions.WorkerCrashedError,
        ray.exceptions.NodeDiedError,
        ray.exceptions.OutOfMemoryError,
    ) as error:
        raise BrokenExecutor("a Ray worker died") from error
    finally:
        for task in waiting:
            ray.cancel(task, force=True)
