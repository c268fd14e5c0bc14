"""What the recipes found on a GPU: one file, which the ledger reads beside the verdicts of this
machine.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recipes_lib.book.errors import BookError
from recipes_lib.book.files import write_whole
from recipes_lib.book.notebook import claim_records, read_notebook
from recipes_lib.book.project import Book
from recipes_lib.book.task import last_run

Verdicts = dict[tuple[str, str], str]  # id and case to the verdict
RESULTS = Path("benchmarks") / "results" / "gpu.json"


def write(book: Book, executed: Path) -> Path:
    """Put the claims of the notebooks in `executed` into the book. Raises `BookError` where one did
    not see a GPU.
    """
    recipes = list(filter(None, (_recipe(executed / recipe.path.name) for recipe in book.recipes)))
    if not recipes:
        raise BookError(
            f"no executed recipe in {executed} has a claim; run `recipes run --device cuda` first"
        )
    write_whole(
        book.root / RESULTS, json.dumps({"recipes": recipes}, indent=1, ensure_ascii=False) + "\n"
    )
    return book.root / RESULTS


def _recipe(path: Path) -> dict[str, Any] | None:
    claims = claim_records(read_notebook(path)) if path.exists() else []
    if not claims:
        return None
    if any(record["device"] == "cpu" for record in claims):
        raise BookError(
            f"{path} was executed on a processor; run `recipes run {path.stem} --device cuda`"
        )
    about = last_run(path)
    return {
        "name": path.stem,
        "finished": about["finished"],
        "seconds": about["seconds"],
        "claims": claims,
    }


def verdicts(root: Path) -> Verdicts:
    """The verdict of each claim and case. Raises `BookError` for a file that is no such report."""
    path = root / RESULTS
    if not path.exists():
        return {}
    try:
        recipes = json.loads(path.read_text(encoding="utf-8"))["recipes"]
        return {key(record): record["verdict"] for recipe in recipes for record in recipe["claims"]}
    except (ValueError, KeyError, TypeError) as error:
        raise BookError(
            f"{path} is no report of a GPU ({error!r}); write it by `recipes gpu-report`"
        ) from error


def key(record: Mapping[str, Any]) -> tuple[str, str]:
    """What tells one card from another."""
    return record["id"], record.get("case", "")
