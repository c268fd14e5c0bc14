"""A recipe's Solution, taken home: plain PyTorch, run alone as a script in an empty folder."""

import builtins
import re
import subprocess
import symtable
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recipes_lib.book.new import NOTEBOOK
from recipes_lib.book.notebook import read_notebook
from recipes_lib.book.project import Book

ROOT = Path(__file__).parent.parent
CHAPTERS = [recipe.path for recipe in Book.find(ROOT).recipes]
ALL = [pytest.param(path, id=path.stem) for path in [NOTEBOOK, *CHAPTERS]]


def sections(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each code cell's source with the section that it stands in."""
    section = ""
    for cell in read_notebook(path).cells:
        if cell.cell_type == "markdown":
            section = [section, *re.findall(r"^## (.+?)\s*$", cell.source, re.MULTILINE)][-1]
        elif cell.cell_type == "code":
            yield section, cell.source


def solution(path: Path) -> str:
    """The code of the section Solution, as one script."""
    return "\n\n".join(source for section, source in sections(path) if section == "Solution")


@pytest.mark.parametrize("path", ALL)
def test_the_solution_runs_alone(path: Path, tmp_path: Path) -> None:
    (tmp_path / "solution.py").write_text(solution(path), encoding="utf-8")
    command = [sys.executable, "-I", "solution.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]


@pytest.mark.parametrize("path", ALL)
def test_the_solution_is_plain_pytorch_and_seeded(path: Path) -> None:
    assert "recipes_lib" not in solution(path)
    assert "manual_seed(" in solution(path)


# Scopes to Python, and no functions that one copies.
COMPREHENSIONS = {"listcomp", "setcomp", "dictcomp", "genexpr"}


def borrowed(source: str) -> dict[str, set[str]]:
    """Of each function, the names that it uses and a copy of it and of the imports would lack."""
    table = symtable.symtable(source, "solution", "exec")
    given = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_imported()}
    given |= {child.get_name() for child in table.get_children()} | set(dir(builtins))
    own = [child for child in table.get_children() if child.get_name() not in COMPREHENSIONS]
    found = {child.get_name(): set(_globals(child)) - given for child in own}
    return {name: lacking for name, lacking in found.items() if lacking}


def _globals(table: symtable.SymbolTable) -> Iterator[str]:
    yield from (symbol.get_name() for symbol in table.get_symbols() if symbol.is_global())
    for child in table.get_children():
        yield from _globals(child)


@pytest.mark.parametrize("path", ALL)
def test_a_function_copied_with_the_imports_lacks_nothing(path: Path) -> None:
    assert borrowed(solution(path)) == {}


def test_a_borrowed_name_is_found() -> None:
    source = "import os\nrate = 1\ndef f(x):\n    return [rate * y for y in os.listdir(x)]\nf('.')"
    assert borrowed(source) == {"f": {"rate"}}
    assert borrowed("rate = 1\nrates = [rate * x for x in range(3)]") == {}
