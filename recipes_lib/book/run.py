"""Execute recipes in parallel, longest first; keep finished notebooks whole; leave the unchanged
alone.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from rich.console import Console

from recipes_lib.book import parameters, report
from recipes_lib.book.execute import Execution
from recipes_lib.book.files import make_writable, write_notebook
from recipes_lib.book.fingerprint import fingerprint, source_digest
from recipes_lib.book.processes import stop_signal
from recipes_lib.book.project import CHAPTERS, Book, BookError, Recipe, claim_records, read_notebook
from recipes_lib.evidence.registry import Registry

EXECUTED = Path("_build") / "executed"
Start = Callable[..., Any]  # text, parameters, threads to an `Execution`, or what answers the same


@dataclass
class Task:
    """A recipe to run, with the parameters given, and where its notebook goes."""

    recipe: Recipe
    given: dict[str, Any]
    registry: Registry
    output: Path
    failures: Path

    def __post_init__(self) -> None:
        self.outcome = report.Outcome(self.recipe.name)
        parameters = self.recipe.parameters | self.given
        self.fingerprint = fingerprint(self.recipe, parameters, self.registry)
        self.last = last_run(self.output)
        self.expected = (self.last or last_run(self.recipe.path)).get("seconds", float("inf"))


def last_run(path: Path) -> dict[str, Any]:
    """What an executed notebook says of its run; nothing where there is no such notebook."""
    with suppress(BookError):
        return dict(read_notebook(path).metadata.get("recipes", {}))
    return {}


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
    """Run recipes into `out` and report on each. Raises `BookError` for bad input, before any runs."""
    started = time.monotonic()
    out = out.resolve()
    in_place = out == (book.root / CHAPTERS).resolve()
    if in_place and given:
        raise BookError(
            f"outputs with changed parameters must not replace a chapter; drop {', '.join(given)} or --out"
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
    for folder in {out, records}:
        make_writable(folder)
    outcomes = [task.outcome for task in tasks]
    changed = [task for task in tasks if force or not _unchanged(task)]
    if changed:
        # The cluster comes first: it installs signal handlers of its own.
        with (
            _workers(engine, address, book.environment) as (cpus, start),
            stop_signal() as stop,
            report.board(outcomes, console) as tell,
        ):
            jobs = jobs or cpus
            _run_all(changed, jobs, partial(start, threads=max(1, cpus // jobs)), stop, tell)
    shared = tasks[0].given if tasks else {}
    report.write_report(records / "report.json", outcomes, shared, time.monotonic() - started)
    return outcomes


@contextmanager
def _workers(
    engine: str, address: str | None, environment: Mapping[str, str]
) -> Iterator[tuple[int, Start]]:
    """Yield how many processors there are, and how an execution starts on them."""
    # Imported late: only a real run needs it, and it knows the limits of a container.
    from joblib import cpu_count

    if engine == "local":
        yield cpu_count(), partial(Execution, environment=environment)
        return
    from recipes_lib.book.cluster import Cluster

    cluster = Cluster(address, cpu_count())
    try:
        yield cluster.cpus, partial(cluster.start, environment=environment)
    finally:
        cluster.close()


def _unchanged(task: Task) -> bool:
    if task.last.get("fingerprint") != task.fingerprint:
        return False
    done, row = read_notebook(task.output), task.outcome
    row.status, row.seconds, row.output = "unchanged", task.last["seconds"], str(task.output)
    row.tell(claim_records(done), claim_records(task.recipe.notebook))
    return True


def _run_all(tasks: list[Task], jobs: int, start: Start, stop: Event, tell: report.Tell) -> None:
    waiting = sorted(tasks, key=lambda task: task.expected)
    running: list[tuple[Task, Any]] = []
    try:
        while (waiting or running) and not stop.is_set():
            while waiting and len(running) < jobs:
                task = waiting.pop()
                running.append((task, start(task.recipe.text, task.given)))
                task.outcome.status = "running"
            stop.wait(0.05)
            for task, execution in [pair for pair in running if _finished(*pair)]:
                running.remove((task, execution))
                execution.close()
                tell(task.outcome)
    finally:
        for task, execution in running:
            execution.close()
            task.outcome.status = "interrupted"
        for task in waiting:
            task.outcome.status = "interrupted"


def _finished(task: Task, execution: Any) -> bool:
    success = execution.poll()
    task.outcome.seconds = execution.seconds
    if success is None:
        return False
    task.outcome.error = _why_not(task) if success else execution.error()
    task.outcome.status = "failed" if task.outcome.error else "passed"
    if notebook := execution.notebook():
        _keep(task, notebook)
    return True


def _why_not(task: Task) -> str | None:
    """Say why an executed notebook may not take its place: an author's edit goes before our
    outputs.
    """
    path = task.recipe.path
    edited = (
        task.output == path.resolve() and Recipe(task.recipe.name, path).text != task.recipe.text
    )
    return "the chapter was edited while it ran; run it again" if edited else None


def _keep(task: Task, notebook: Any) -> None:
    row, failure = task.outcome, task.failures / task.recipe.path.name
    row.tell(claim_records(notebook), claim_records(task.recipe.notebook))
    if row.error:
        write_notebook(failure, notebook)
    else:
        write_notebook(task.output, _clean(notebook, task))
        failure.unlink(missing_ok=True)
    row.output = str(failure if row.error else task.output)


def _clean(notebook: Any, task: Task) -> Any:
    """Strip what differs from run to run, and note what the outputs depend on."""
    for cell in notebook.cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
    notebook.metadata.pop("papermill", None)
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata["recipes"] = {
        "fingerprint": task.fingerprint,
        "source": source_digest(notebook),
        "seconds": task.outcome.seconds,
        "finished": report.now(),
        "parameters": task.recipe.parameters | task.given,
    }
    return notebook
