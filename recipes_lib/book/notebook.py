"""Notebooks as the book reads them: cells, tags, the records of claims."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat

from recipes_lib.book.errors import BookError


def parse_notebook(text: str, path: Path) -> Any:
    """Parse a version 4 notebook, cell sources joined. Raises `BookError` where `text` is none."""
    try:
        notebook = nbformat.v4.reads(text)
        if notebook.nbformat == 4 and all(
            cell.cell_type and tags(cell) is not None for cell in notebook.cells
        ):
            return notebook
        problem = f"notebook format {notebook.nbformat}"
    except ValueError as error:
        problem = f"not JSON: {error}"
    except (AttributeError, KeyError, TypeError):
        problem = "JSON, but without a notebook's cells"
    remedy = f"restore it, for example with `git checkout {path.name}`"
    raise BookError(f"{path} is no notebook ({problem}); {remedy}")


def read_notebook(path: Path) -> Any:
    """Read and parse a notebook. Raises `BookError` where there is none."""
    return parse_notebook(read_text(path), path)


def tags(cell: Any) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def claim_records(notebook: Any) -> list[dict[str, Any]]:
    """The records of all its claims, one a case, in order."""
    return [row for cell in notebook.cells for row in panel_records(cell.get("outputs", []))]


def panel_records(outputs: Iterable[Any]) -> list[dict[str, Any]]:
    """The records that the panels among a cell's outputs carry."""
    panels = [out.metadata["claim"] for out in outputs if "claim" in out.get("metadata", {})]
    return [row for panel in panels for row in panel]


def read_text(path: Path) -> str:
    """Read a page or a notebook. Raises `BookError` where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BookError(
            f"cannot read {path} ({error.strerror}); restore it or take it out of _toc.yml"
        ) from error
    except UnicodeDecodeError as error:
        raise BookError(f"{path} is not UTF-8 text ({error.reason}); restore it") from error
