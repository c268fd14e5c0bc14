"""Check recipes: the contract first, then every stored output against a run of its own (nbval,
strict).
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from joblib import cpu_count

from recipes_lib.book.contract import problems
from recipes_lib.book.processes import THREADS, run_tree
from recipes_lib.book.project import Book, BookError, Recipe, read_notebook, tags

SANITIZE = Path(__file__).with_name("nbval.cfg")
CELL_TIMEOUT = 600  # seconds


def check(
    book: Book, names: Sequence[str], *, contract_only: bool = False, executed: Path | None = None
) -> bool:
    """Print what is wrong with the chosen recipes, and say whether nothing is.

    With `executed`, only the outputs of the notebooks in that folder are compared. Raises
    `BookError` where one lacks.
    """
    recipes = book.choose(names)
    if executed:
        return _outputs_reproduce(book, [_executed(executed, recipe) for recipe in recipes])
    found = [problem for recipe in recipes for problem in problems(book, recipe)]
    print(*found, f"contract: {len(recipes)} recipes, {len(found)} problems", sep="\n", flush=True)
    return (
        not found
        if contract_only
        else _outputs_reproduce(book, [recipe.path for recipe in recipes]) and not found
    )


def _executed(folder: Path, recipe: Recipe) -> Path:
    path = folder.resolve() / recipe.path.name
    if not path.exists():
        raise BookError(
            f"recipe {recipe.name!r} is not executed in {folder}; run `recipes run {recipe.name}`"
        )
    return path


def _outputs_reproduce(book: Book, notebooks: Sequence[Path]) -> bool:
    # With `=`, or pytest takes the file's folder for the root of the tests.
    options = [
        f"--nbval-sanitize-with={SANITIZE}",
        f"--nbval-cell-timeout={CELL_TIMEOUT}",
        f"--rootdir={book.root}",
    ]
    if (workers := min(len(notebooks), cpu_count())) > 1:
        options += [
            "-n",
            str(workers),
            "--dist",
            "loadscope",
        ]  # the cells of a notebook stay together
    paths = [os.path.relpath(path, book.root) for path in notebooks]
    options += [
        f"--deselect={Path(path).as_posix()}::{cell}"
        for path in paths
        for cell in _left_out(book.root / path)
    ]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        *options,
        "-p",
        "no:cacheprovider",
        *paths,
    ]
    return (
        run_tree(command, book.root, os.environ | dict.fromkeys(THREADS, "1") | book.environment)
        == 0
    )


def _left_out(path: Path) -> list[str]:
    """Name the cells, as nbval does, that need what is lacking here, and say so."""
    from recipes_lib.deploy.serve import (
        torchserve_lacks,  # late, as the next: torch and NumPy are heavy for who only runs
    )
    from recipes_lib.hardware import integers_lack

    code = [cell for cell in read_notebook(path).cells if cell.cell_type == "code"]
    left_out = []
    for need, lacks in {
        "needs-torchserve": torchserve_lacks,
        "needs-integers": integers_lack,
    }.items():
        cells = [f"Cell {number}" for number, cell in enumerate(code) if need in tags(cell)]
        if cells and (why := lacks()):
            print(f"{path.stem}: {', '.join(cells)} not compared: {why}", flush=True)
            left_out += cells
    return left_out
