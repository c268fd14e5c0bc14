"""The book on disk: its root, its recipes in the order of `_toc.yml`, its registry of claims."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
import yaml

from recipes_lib.evidence.claims import Claim, RegistryError
from recipes_lib.evidence.registry import OTHER, PATH, Registry, read

CHAPTERS = "chapters"


class BookError(Exception):
    """What a person can mend, in one line: what, where, remedy. The command then exits with code 2."""


@dataclass(frozen=True)
class Recipe:
    """One notebook under `chapters/`."""

    name: str
    path: Path

    @cached_property
    def text(self) -> str:
        """The file as it was when first looked at. Raises `BookError` where it cannot be read."""
        return _read(self.path)

    @cached_property
    def notebook(self) -> Any:
        """The parsed notebook. Raises `BookError` where the file is none."""
        return parse_notebook(self.text, self.path)

    @property
    def title(self) -> str:
        """The first heading, or the name."""
        lines = (
            line
            for cell in self.notebook.cells
            if cell.cell_type == "markdown"
            for line in cell.source.split("\n")
        )
        return next((line[2:].strip() for line in lines if line.startswith("# ")), self.name)

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Names and defaults of the cell tagged `parameters`. Raises `BookError` for a non-literal."""
        cells = [cell.source for cell in self.notebook.cells if "parameters" in tags(cell)]
        try:
            return dict(pair for source in cells for pair in _literals(source))
        except (SyntaxError, ValueError) as error:
            remedy = "give every parameter a literal"
            raise BookError(
                f"{self.path}: the cell tagged 'parameters' is not readable ({error}); {remedy}"
            ) from error


@dataclass(frozen=True)
class Book:
    """A folder that holds `_toc.yml`."""

    root: Path

    @classmethod
    def find(cls, start: Path) -> "Book":
        """Take the nearest folder, from `start` up, that holds a book. Raises `BookError` at none."""
        for folder in (start, *start.parents):
            if (folder / "_toc.yml").is_file():
                return cls(folder)
        raise BookError(
            f"{start} is not inside a book (no _toc.yml here or above); change into the book's folder"
        )

    @cached_property
    def pages(self) -> list[str]:
        """Every page that `_toc.yml` lists, in its order, without suffix."""
        path = self.root / "_toc.yml"
        try:
            return list(_files(yaml.safe_load(_read(path))))
        except yaml.YAMLError as error:
            raise BookError(
                f"{path} is not YAML ({' '.join(str(error).split())}); repair it"
            ) from error

    @property
    def parts(self) -> dict[str, list[str]]:
        """The names of the recipes in each part of the book."""
        parts = yaml.safe_load(_read(self.root / "_toc.yml")).get("parts", [])
        return {part.get("caption", ""): _recipe_names(_files(part)) for part in parts}

    @cached_property
    def recipes(self) -> list[Recipe]:
        """The listed notebooks under `chapters/`. Raises `BookError` where a listed one is missing."""
        return [
            Recipe(name, self.root / CHAPTERS / f"{name}.ipynb")
            for name in _recipe_names(self.pages)
        ]

    def choose(self, names: Iterable[str]) -> list[Recipe]:
        """Pick recipes by name, all where no name is given. Raises `BookError` for an unknown name."""
        known = {recipe.name: recipe for recipe in self.recipes}
        wanted = list(dict.fromkeys(names)) or list(known)
        for name in wanted:
            if name not in known:
                raise BookError(
                    f"recipe {name!r} is not in {self.root / '_toc.yml'}; {nearest(name, known)}"
                )
        return [known[name] for name in wanted]

    @property
    def claims_file(self) -> Path:
        """Where the registry is: in the library that this book ships, else beside `_toc.yml`."""
        shipped = self.root / "recipes_lib" / PATH.name
        return shipped if shipped.exists() else self.root / PATH.name

    @cached_property
    def registry(self) -> Registry:
        """The registry, empty where there is none. Raises `BookError` where it breaks the rules."""
        try:
            return read(self.claims_file) if self.claims_file.exists() else Registry()
        except RegistryError as error:
            raise BookError(str(error)) from error

    @property
    def claims(self) -> list[Claim]:
        """Every registered claim, in order."""
        return list(self.registry.claims.values())

    @property
    def sources(self) -> dict[str, str]:
        """Who claims: author and year to the full reference."""
        return {source.short: source.full for source in self.registry.sources.values()}

    @property
    def environment(self) -> dict[str, str]:
        """What kernels need to know: the registry of a book that is not the library's own."""
        other = self.claims_file.exists() and self.claims_file.resolve() != PATH
        return {OTHER: str(self.claims_file.resolve())} if other else {}


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant."""
    names = list(known)
    near = get_close_matches(name, names, 1)
    return f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(names) or '(none)'}"


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
    raise BookError(
        f"{path} is no notebook ({problem}); restore it, for example with `git checkout {path.name}`"
    )


def read_notebook(path: Path) -> Any:
    """Read and parse a notebook. Raises `BookError` where there is none."""
    return parse_notebook(_read(path), path)


def tags(cell: Any) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def claim_records(notebook: Any) -> list[dict[str, Any]]:
    """The records of all its claims, one a case, in order."""
    return [row for cell in notebook.cells for row in panel_records(cell.get("outputs", []))]


def panel_records(outputs: Iterable[Any]) -> list[dict[str, Any]]:
    """The records that the panels among a cell's outputs carry."""
    panels = [out.metadata["claim"] for out in outputs if "claim" in out.get("metadata", {})]
    # Before panels had several cases, a card carried its one record bare.
    return [row for panel in panels for row in (panel if isinstance(panel, list) else [panel])]


def _recipe_names(pages: Iterable[str]) -> list[str]:
    return [page.removeprefix(f"{CHAPTERS}/") for page in pages if page.startswith(f"{CHAPTERS}/")]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BookError(
            f"cannot read {path} ({error.strerror}); restore it or take it out of _toc.yml"
        ) from error
    except UnicodeDecodeError as error:
        raise BookError(f"{path} is not UTF-8 text ({error.reason}); restore it") from error


def _files(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        names = [node[key] for key in ("root", "file") if key in node]
        yield from (str(name).removesuffix(".ipynb").removesuffix(".md") for name in names)
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _files(child)


def _literals(source: str) -> Iterator[tuple[str, Any]]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, ast.literal_eval(node.value)
