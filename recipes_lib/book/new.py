"""Start a recipe: a notebook that already runs, its line in `_toc.yml`, its claim in `claims.toml`."""

import json
import keyword
import re
import uuid
from pathlib import Path

from recipes_lib.book.files import write_notebook, write_whole
from recipes_lib.book.project import CHAPTERS, Book, BookError, parse_notebook

TEMPLATE = Path(__file__).with_name("template.ipynb")
CHAPTER_LINE = re.compile(rf"^(\s*- file: ){CHAPTERS}/.*\n?", re.MULTILINE)
CLAIM = """
[[claim]]
id = "{id}"
recipe = "{name}"
claim = "a hidden layer of 64 units beats one of 8"
sources = ["+"]
metric = "test accuracy"
"""


def create(book: Book, name: str, title: str) -> Path:
    """Write the new recipe and return its notebook. Raises `BookError` for a name that is taken or
    no identifier.
    """
    path = book.root / CHAPTERS / f"{name}.ipynb"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise BookError(
            f"{name!r} is no name for a recipe; use lower-case letters, digits and _, as in batch_size"
        )
    if path.exists() or any(recipe.name == name for recipe in book.recipes):
        raise BookError(f"recipe {name!r} exists already; choose another name, or edit {path}")
    toc, claims = book.root / "_toc.yml", book.root / "claims.toml"
    listed, rows = (
        _listed(toc.read_text(encoding="utf-8"), name, toc),
        claims.read_text(encoding="utf-8"),
    )
    claim_id = f"{name.replace('_', '-')}-template"
    text = TEMPLATE.read_text(encoding="utf-8").replace("CLAIM-ID", claim_id)
    notebook = parse_notebook(
        text.replace("TITLE", json.dumps(title, ensure_ascii=False)[1:-1]), TEMPLATE
    )
    for cell in notebook.cells:
        cell["id"] = uuid.uuid4().hex[:8]
    write_notebook(path, notebook)
    write_whole(claims, rows.rstrip("\n") + "\n" + CLAIM.format(id=claim_id, name=name))
    write_whole(toc, listed)
    return path


def _listed(toc: str, name: str, path: Path) -> str:
    """Add the recipe after the last one listed, every other line as it was."""
    lines = list(CHAPTER_LINE.finditer(toc))
    if not lines:
        raise BookError(
            f"{path} lists no '- file: {CHAPTERS}/…' to add a recipe after; add '{CHAPTERS}/{name}' by hand"
        )
    last = lines[-1]
    return f"{toc[: last.end()].rstrip(chr(10))}\n{last[1]}{CHAPTERS}/{name}\n{toc[last.end() :]}"
