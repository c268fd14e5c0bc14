"""Start a recipe: a notebook that runs, its rows in the registry, its line in `_toc.yml`."""

import json
import keyword
import re
import uuid
from pathlib import Path
from typing import Any

from recipes_lib.book.errors import BookError
from recipes_lib.book.files import write_notebook, write_whole
from recipes_lib.book.notebook import parse_notebook
from recipes_lib.book.project import CHAPTERS, Book

NOTEBOOK = Path(__file__).with_name("template.ipynb")
ROWS = Path(__file__).with_name("template.toml")
CHAPTER_LINE = re.compile(rf"^(\s*- file: ){CHAPTERS}/.*\n?", re.MULTILINE)


def create(book: Book, name: str, title: str) -> Path:
    """Write the new recipe and return its notebook.

    Raises `BookError` for a name that is taken or no identifier, and where `_toc.yml` lists no
    recipe yet.
    """
    path = book.root / CHAPTERS / f"{name}.ipynb"
    _require_free(book, name, path)
    toc, registry = book.root / "_toc.yml", book.claims_file
    listed = _listed(toc.read_text(encoding="utf-8"), name, toc)
    rows = registry.read_text(encoding="utf-8") if registry.exists() else ""
    write_notebook(path, _notebook(name, title))
    added = _filled(ROWS.read_text(encoding="utf-8"), name)
    write_whole(registry, f"{rows.rstrip()}\n{added}".lstrip())
    write_whole(toc, listed)
    return path


def _require_free(book: Book, name: str, path: Path) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        rule = "use lower-case letters, digits and _, as in batch_size"
        raise BookError(f"{name!r} is no name for a recipe; {rule}")
    if path.exists() or any(recipe.name == name for recipe in book.recipes):
        raise BookError(f"recipe {name!r} exists already; choose another name, or edit {path}")
    if name in book.registry.protocols or _claim_id(name) in book.registry.claims:
        remedy = "choose another name, or take its rows out"
        raise BookError(f"recipe {name!r} is registered in {book.claims_file} already; {remedy}")


def _claim_id(name: str) -> str:
    return f"{name.replace('_', '-')}-helps"


def _filled(template: str, name: str) -> str:
    return template.replace("CLAIM-ID", _claim_id(name)).replace("NAME", name)


def _notebook(name: str, title: str) -> Any:
    """The template with its names and title filled in, each cell with an id of its own."""
    text = _filled(NOTEBOOK.read_text(encoding="utf-8"), name)
    quoted = json.dumps(title, ensure_ascii=False)[1:-1]
    notebook = parse_notebook(text.replace("TITLE", quoted), NOTEBOOK)
    for cell in notebook.cells:
        cell["id"] = uuid.uuid4().hex[:8]
    return notebook


def _listed(toc: str, name: str, path: Path) -> str:
    """Add the recipe after the last one listed, every other line as it was."""
    lines = list(CHAPTER_LINE.finditer(toc))
    if not lines:
        remedy = f"add '- file: {CHAPTERS}/{name}' by hand"
        raise BookError(f"{path} lists no recipe to add this one after; {remedy}")
    last = lines[-1]
    return f"{toc[: last.end()].rstrip()}\n{last[1]}{CHAPTERS}/{name}\n{toc[last.end() :]}"
