"""Check recipes: the contract first, then every stored output against a run of its own (nbval),
and the verdicts of timings by a rule of their own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from recipes_lib.book.contract import problems
from recipes_lib.book.errors import BookError
from recipes_lib.book.notebook import read_notebook, tags
from recipes_lib.book.processes import THREADS, kernels_at_once
from recipes_lib.book.project import Book, Recipe
from recipes_lib.book.scratch import Scratch

SANITIZE = Path(__file__).with_name("nbval.cfg")
CELL_TIMEOUT = 3600  # seconds: whoever waits may be slow, or busy


def check(
    book: Book,
    names: Sequence[str],
    *,
    contract_only: bool = False,
    executed: Path | None = None,
    strict: bool = False,
    lax: bool = False,
) -> bool:
    """Print what is wrong with the chosen recipes, and say whether nothing is.

    With `executed`, only the outputs of the notebooks in that folder are compared; `lax`, nothing
    is, and the cells need but run. A timing with another verdict than the book's is a fault where
    it is the opposite or the check is `strict`, else a finding. Raises `BookError` where a notebook
    lacks.
    """
    recipes = book.choose(names)
    paths = [_executed(executed, recipe) if executed else recipe.path for recipe in recipes]
    how = ["--nbval-lax"] if lax else ["--nbval", "-p", "recipes_lib.book.timings"]
    how += ["--strict-timings"] if strict else []
    if executed or lax:
        return _reproduce(book, paths, how)
    found = [problem for recipe in recipes for problem in problems(book, recipe)]
    print(*found, f"contract: {len(recipes)} recipes, {len(found)} problems", sep="\n", flush=True)
    if contract_only:
        return not found
    return _reproduce(book, paths, how) and not found


def _executed(folder: Path, recipe: Recipe) -> Path:
    path = folder.resolve() / recipe.path.name
    if not path.exists():
        raise BookError(
            f"recipe {recipe.name!r} is not executed in {folder}; run `recipes run {recipe.name}`"
        )
    return path


def _reproduce(book: Book, notebooks: Sequence[Path], how: Sequence[str]) -> bool:
    """Compare all at once; where nothing but timings failed, each alone once more."""
    left_out = {path: _left_out(path) for path in notebooks}
    passed, failed = _compare(book, left_out, how)
    again = [path for path in notebooks if failed.get(_relative(book, path))]
    if not again or len(again) < len(failed):
        return passed
    return all(_again(book, path, left_out[path], how) for path in again)


def _again(book: Book, path: Path, left_out: Sequence[str], how: Sequence[str]) -> bool:
    print(f"{path.stem}: timed once more, with nothing beside it", flush=True)
    return _compare(book, {path: left_out}, how)[0]


def _compare(
    book: Book, left_out: Mapping[Path, Sequence[str]], how: Sequence[str]
) -> tuple[bool, dict[str, bool]]:
    """Run nbval; return whether all passed, and of each failed one whether by timings alone."""
    command = [sys.executable, "-m", "pytest", *how, *_options(book, left_out)]
    environment = os.environ | dict.fromkeys(THREADS, "1") | book.environment
    with Scratch("check-") as scratch:
        told = scratch.folder / "failed.json"
        command += [f"--timings-to={told}"] if "--nbval" in how else []
        environment |= scratch.environment
        done = subprocess.run(command, cwd=book.root, env=environment, check=False)
        return done.returncode == 0, json.loads(told.read_text()) if told.exists() else {}


def _options(book: Book, left_out: Mapping[Path, Sequence[str]]) -> list[str]:
    workers = min(len(left_out), kernels_at_once())
    # The cells of a notebook stay together.
    spread = ["-n", str(workers), "--dist", "loadscope"] if workers > 1 else []
    return [
        # With `=`, or pytest takes the file's folder for the root of the tests.
        f"--nbval-sanitize-with={SANITIZE}",
        f"--nbval-cell-timeout={CELL_TIMEOUT}",
        f"--rootdir={book.root}",
        *["-p", "no:cacheprovider"],
        *spread,
        *(
            f"--deselect={_relative(book, path)}::{cell}"
            for path, cells in left_out.items()
            for cell in cells
        ),
        *(_relative(book, path) for path in left_out),
    ]


def _relative(book: Book, path: Path) -> str:
    return Path(os.path.relpath(path, book.root)).as_posix()


def _left_out(path: Path) -> list[str]:
    """Name the cells, as nbval does, that need what is lacking here, and say so."""
    from recipes_lib.deploy.serve import (
        torchserve_lacks,  # late, as the next: torch and NumPy are heavy for who only runs
    )
    from recipes_lib.hardware import bf16_lacks, integers_lack

    code = [cell for cell in read_notebook(path).cells if cell.cell_type == "code"]
    left_out = []
    for need, lacks in {
        "needs-torchserve": torchserve_lacks,
        "needs-integers": integers_lack,
        "needs-bf16": bf16_lacks,
    }.items():
        cells = [f"Cell {number}" for number, cell in enumerate(code) if need in tags(cell)]
        if cells and (why := lacks()):
            print(f"{path.stem}: {', '.join(cells)} not compared: {why}", flush=True)
            left_out += cells
    return left_out
