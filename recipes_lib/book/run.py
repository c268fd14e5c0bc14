"""Execute recipes in parallel, longest first; keep finished notebooks whole; leave the unchanged
alone.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from recipes_lib.book import parameters, report
from recipes_lib.book.errors import BookError
from recipes_lib.book.execute import Execution
from recipes_lib.book.files import make_writable
from recipes_lib.book.processes import Stop, kernels_at_once, stop_signal
from recipes_lib.book.project import CHAPTERS, Book
from recipes_lib.book.task import Task

EXECUTED = Path("_build") / "executed"
Start = Callable[..., Any]  # text, parameters, threads to an `Execution`, or what answers the same


def run(
    book: Book,
    names: Sequence[str],
    given: Mapping[str, str],
    *,
    out: Path,
    jobs: int | None = None,
    engine: str = "local",
    address: str | None = None,
    force: bool = False,
    console: Console,
) -> list[report.Outcome]:
    """Run recipes into `out` and report on each.

    Raises `BookError` for bad input, before anything runs.
    """
    started = time.monotonic()
    tasks, records = _plan(book, names, given, out.resolve())
    outcomes = [task.outcome for task in tasks]
    changed = [task for task in tasks if force or not task.unchanged()]
    # The cluster comes first: it installs signal handlers of its own. A refused one leaves nothing.
    workers = _workers(engine, address, changed) if changed else None
    # To the end: neither leaving the cluster nor the report is cut short by a second Ctrl-C.
    with stop_signal() as stop:
        try:
            for folder in {out.resolve(), records}:
                make_writable(folder)
            if workers:
                with report.board(outcomes, console) as tell:
                    start = partial(workers.start, environment=book.environment)
                    _run_all(changed, jobs or workers.jobs, workers.cpus, start, stop, tell)
        finally:
            if workers:
                workers.close()
        shared = tasks[0].given if tasks else {}
        report.write_report(records / "report.json", outcomes, shared, time.monotonic() - started)
    return outcomes


def _plan(
    book: Book, names: Sequence[str], given: Mapping[str, str], out: Path
) -> tuple[list[Task], Path]:
    """What is to be run, and the folder of the report."""
    in_place = out == (book.root / CHAPTERS).resolve()
    if in_place and given:
        words = ", ".join(given)
        raise BookError(
            f"outputs with changed parameters must not replace a chapter; drop {words} or --out"
        )
    # The chapters' own folder holds nothing but recipes.
    records = book.root / "_build" / CHAPTERS if in_place else out
    tasks = [
        Task(
            recipe,
            parameters.choose(recipe, given),
            book.registry,
            output=out / recipe.path.name,
            failures=records / "failed",
        )
        for recipe in book.choose(names)
    ]
    return tasks, records


@dataclass(frozen=True)
class Workers:
    """How many processors there are, how many recipes run at once, how one starts on them, and how
    they are left.
    """

    cpus: int
    jobs: int
    start: Start
    close: Callable[[], None]


def _workers(engine: str, address: str | None, tasks: Sequence[Task]) -> Workers:
    # Imported late: only a real run needs it, and it knows the limits of a container.
    from joblib import cpu_count

    if engine == "local":
        devices = {str(task.parameters.get("device", "cpu")) for task in tasks}
        return Workers(cpu_count(), min(map(kernels_at_once, devices)), Execution, lambda: None)
    from recipes_lib.book.cluster import Cluster

    cluster = Cluster(address, cpu_count())
    return Workers(cluster.cpus, cluster.cpus, cluster.start, cluster.close)


def _run_all(
    tasks: list[Task], jobs: int, cpus: int, start: Start, stop: Stop, tell: report.Tell
) -> None:
    threads = max(1, cpus // jobs)
    waiting = sorted(tasks, key=lambda task: task.expected)
    running: list[tuple[Task, Any]] = []
    try:
        while (waiting or running) and not stop.asked:
            while waiting and len(running) < jobs:
                task = waiting.pop()
                running.append((task, start(task.recipe.text, task.given, threads=threads)))
                task.outcome.status = "running"
            stop.wait(0.05)
            for task, execution in [pair for pair in running if pair[0].finish(pair[1])]:
                running.remove((task, execution))
                execution.close()
                tell(task.outcome)
    finally:
        for task, execution in running:
            execution.close()
            task.outcome.status = "interrupted"
        for task in waiting:
            task.outcome.status = "interrupted"
