"""What the recipes found on a machine with a GPU: one file, to which each run adds, and which the
ledger reads beside the book's own verdicts.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recipes_lib.book.errors import BookError
from recipes_lib.book.executed import hardware
from recipes_lib.book.files import write_whole
from recipes_lib.book.notebook import claim_records, read_notebook
from recipes_lib.book.project import Book
from recipes_lib.book.task import last_run

GPU, CPU = "gpu", "cpu"
RESULTS = Path("benchmarks") / "results" / "gpu.json"
Run = dict[str, Any]  # one recipe's: its name, when it finished, in how many seconds, its records
Found = dict[tuple[str, str, str], dict[str, Any]]  # id, case and `GPU` or `CPU` to the record


def write(book: Book, executed: Path) -> Path:
    """Add the claims of the notebooks in `executed` to the book, in place of those that they
    measured anew. The book's own setting, a processor at quick scale, is left out. Raises
    `BookError` where no claim was measured on a GPU.
    """
    new = [run for recipe in book.recipes if (run := _run(executed / recipe.path.name))]
    if not any(place(record) == GPU for run in new for record in run["claims"]):
        raise BookError(f"no claim in {executed} was measured on a GPU; run `recipes run` on one")
    measured = {_key(record) for run in new for record in run["claims"]}
    old = [_without(run, measured) for run in _runs(book.root)]
    runs = [run for run in [*old, *new] if run["claims"]]
    text = json.dumps({"recipes": runs}, indent=1, ensure_ascii=False)
    write_whole(book.root / RESULTS, text + "\n")
    return book.root / RESULTS


def _run(path: Path) -> Run | None:
    records = claim_records(read_notebook(path)) if path.exists() else []
    claims = [record for record in records if not at_home(record)]
    if not claims:
        return None
    about = last_run(path)
    of_the_run = {"finished": about["finished"], "seconds": about["seconds"]}
    return {"name": path.stem, **of_the_run, "claims": claims}


def at_home(record: Mapping[str, Any]) -> bool:
    """Whether scale and device are those in which the book itself is measured."""
    return record["scale"] in ("quick", None) and place(record) == CPU


def place(record: Mapping[str, Any]) -> str:
    """What was measured: a GPU, or a processor."""
    return CPU if record["device"] in ("cpu", None) else GPU


def _key(record: Mapping[str, Any]) -> tuple[str, ...]:
    return record["id"], record["case"], place(record), record["scale"]


def _without(run: Run, measured: set[tuple[str, ...]]) -> Run:
    return {**run, "claims": [one for one in run["claims"] if _key(one) not in measured]}


def found(book: Book) -> Found:
    """What stands in the file and still is what the registry says: at full scale before quick, each
    with where it was measured. Raises `BookError` for a file that is no such report.
    """
    runs = _runs(book.root)
    told = [(run, record) for run in runs for record in run["claims"] if _current(book, record)]
    told.sort(key=lambda pair: (pair[1]["scale"] == "full", pair[0]["finished"]))
    return {
        (record["id"], record["case"], place(record)): {
            **record,
            "where": where(record, run["finished"][:10]),
        }
        for run, record in told
    }


def _current(book: Book, record: Mapping[str, Any]) -> bool:
    claim = book.registry.claims.get(record["id"])
    return claim is not None and claim.digest == record["registered"]


def where(record: Mapping[str, Any], day: str) -> str:
    """At which scale, on what and when it was measured, in words."""
    return f"{record['scale']} scale, {hardware(record['versions'])}, {day}"


def _runs(root: Path) -> Sequence[Run]:
    path = root / RESULTS
    if not path.exists():
        return []
    try:
        runs: list[Run] = json.loads(path.read_text(encoding="utf-8"))["recipes"]
        for run in runs:
            _ = [(_key(one), one["verdict"], where(one, run["finished"])) for one in run["claims"]]
    except (ValueError, KeyError, TypeError) as error:
        raise BookError(
            f"{path} is no report of a GPU ({error!r}); write it by `recipes gpu-report`"
        ) from error
    return runs
