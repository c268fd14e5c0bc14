"""The book on disk: its root, its recipes in the order of `_toc.yml`, its registry of claims."""

import ast
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from recipes_lib.book.errors import BookError, nearest
from recipes_lib.book.notebook import parse_notebook, read_text, tags
from recipes_lib.evidence.claims import Claim, RegistryError
from recipes_lib.evidence.registry import OTHER, PATH, Registry, read

CHAPTERS = "chapters"
DATA = "RECIPES_DATA"


@dataclass(frozen=True)
class Recipe:
    """One notebook under `chapters/`."""

    name: str
    path: Path

    @cached_property
    def text(self) -> str:
        """The file as it was when first looked at. Raises `BookError` where it cannot be read."""
        return read_text(self.path)

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
        """Names and defaults in the cell tagged `parameters`. Raises `BookError` for no literal."""
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
        """Take the nearest folder, from `start` up, with a book. Raises `BookError` at none."""
        for folder in (start, *start.parents):
            if (folder / "_toc.yml").is_file():
                return cls(folder)
        lacks = "no _toc.yml here or above"
        raise BookError(f"{start} is not inside a book ({lacks}); change into the book's folder")

    @cached_property
    def pages(self) -> list[str]:
        """Every page that `_toc.yml` lists, in its order, without suffix."""
        path = self.root / "_toc.yml"
        try:
            return list(_files(yaml.safe_load(read_text(path))))
        except yaml.YAMLError as error:
            raise BookError(
                f"{path} is not YAML ({' '.join(str(error).split())}); repair it"
            ) from error

    @property
    def parts(self) -> dict[str, list[str]]:
        """The names of the recipes in each part of the book."""
        parts = yaml.safe_load(read_text(self.root / "_toc.yml")).get("parts", [])
        return {part.get("caption", ""): _recipe_names(_files(part)) for part in parts}

    @cached_property
    def recipes(self) -> list[Recipe]:
        """The listed notebooks under `chapters/`. Raises `BookError` where one is missing."""
        return [
            Recipe(name, self.root / CHAPTERS / f"{name}.ipynb")
            for name in _recipe_names(self.pages)
        ]

    def choose(self, names: Iterable[str]) -> list[Recipe]:
        """Pick recipes by name; all by no name. Raises `BookError` for an unknown name."""
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
        """What kernels, in scratch folders of their own, need to know: where the data are, and the
        registry of a book that is not the library's own.
        """
        data = os.environ.get(DATA)
        known = {DATA: str(Path(data).expanduser().absolute())} if data else {}
        other = self.claims_file.exists() and self.claims_file.resolve() != PATH
        return known | ({OTHER: str(self.claims_file.resolve())} if other else {})


def _recipe_names(pages: Iterable[str]) -> list[str]:
    return [page.removeprefix(f"{CHAPTERS}/") for page in pages if page.startswith(f"{CHAPTERS}/")]


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
