"""What became of each recipe: the progress table, the summary, `report.json`."""

import json
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from recipes_lib.book.files import write_whole
from recipes_lib.book.fingerprint import versions
from recipes_lib.evidence.cards import Record, full_name
from recipes_lib.evidence.forest import COLOURS

STYLES = {
    "passed": "green",
    "unchanged": "green",
    "failed": "red",
    "interrupted": "red",
    "running": "cyan",
}


@dataclass
class Outcome:
    """One recipe's row: waiting, running, then passed, failed, unchanged or interrupted."""

    name: str
    status: str = "waiting"
    seconds: float | None = None
    output: str | None = None
    error: str | None = None
    claims: list[dict[str, Any]] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)  # claims whose verdict is not the book's

    def tell(self, records: list[dict[str, Any]], book: Sequence[Record]) -> None:
        """Take the records of its run, and compare their verdicts with those of the book."""
        told = {(record["id"], record["case"]): record["verdict"] for record in book}
        self.claims = records
        self.differing = [
            f"{full_name(record)}: {record['verdict']}, not {verdict}"
            for record in records
            if (verdict := told.get((record["id"], record["case"])))
            not in (None, record["verdict"])
        ]


Tell = Callable[[Outcome], None]


def verdicts(records: Sequence[Mapping[str, Any]]) -> str:
    """Count verdicts in words: `5 supported, 2 contradicted`."""
    counts = Counter(record["verdict"] for record in records)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in COLOURS if counts[verdict])


def table(outcomes: Sequence[Outcome]) -> Table:
    """Draw the outcomes, one a row."""
    drawn = Table("recipe", "status", "seconds", "verdicts", box=None, pad_edge=False)
    drawn.columns[2].justify = "right"
    for row in outcomes:
        seconds = "" if row.seconds is None else f"{row.seconds:.1f}"
        said = verdicts(row.claims) + (f"; {row.error}" if row.error else "")
        drawn.add_row(
            row.name,
            row.status,
            seconds,
            escape(said.removeprefix("; ")),
            style=STYLES.get(row.status),
        )
    return drawn


@contextmanager
def board(outcomes: Sequence[Outcome], console: Console) -> Iterator[Tell]:
    """Keep a live table on a terminal; elsewhere, print each outcome that the block tells."""
    if not console.is_terminal:
        yield lambda row: console.print(_line(row), markup=False, highlight=False, soft_wrap=True)
        return
    with Live(
        get_renderable=lambda: table(outcomes),
        console=console,
        transient=True,
        refresh_per_second=4,
    ):
        yield lambda row: None


def _line(outcome: Outcome) -> str:
    seconds = "" if outcome.seconds is None else f"{outcome.seconds:.1f} s"
    return "  ".join(
        part for part in (outcome.name, outcome.status, seconds, outcome.error) if part
    )


def write_report(
    path: Path, outcomes: Sequence[Outcome], parameters: Mapping[str, Any], seconds: float
) -> None:
    """Write `report.json`, whole. Raises `BookError` where it cannot be written."""
    report = {
        "created": now(),
        "python": platform.python_version(),
        "versions": versions(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "parameters": dict(parameters),
        "seconds": round(seconds, 2),
        "recipes": [asdict(outcome) for outcome in outcomes],
    }
    write_whole(path, json.dumps(report, indent=1, ensure_ascii=False) + "\n")


def now() -> str:
    """The time, ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _processor() -> str:
    # Linux gives a model only here; elsewhere the platform module knows it.
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    models = (text.partition(":")[2].strip() for text in lines if text.startswith("model name"))
    return next(models, platform.processor() or platform.machine())
