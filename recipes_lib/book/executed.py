"""An executed recipe: the chapter's prose with the outputs of its last good run, and what the runs
say of themselves.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from recipes_lib.book.errors import BookError
from recipes_lib.book.fingerprint import source_digest
from recipes_lib.book.notebook import claim_records, read_notebook, tags
from recipes_lib.book.project import CHAPTERS, Recipe

COLOUR_CODES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Failure:
    """A run that failed: its error in one line, when, and what Python said."""

    error: str
    finished: str
    traceback: str

    @classmethod
    def read(cls, path: Path) -> "Failure | None":
        """Read the notebook of a failed run; None where there is none."""
        if not path.exists():
            return None
        try:
            notebook = read_notebook(path)
        except BookError as error:
            return cls(str(error), "", "")
        about = notebook.metadata.get("recipes", {})
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        said = [output.traceback for output in outputs if output.output_type == "error"]
        text = COLOUR_CODES.sub("", "\n".join(said[0])) if said else ""
        return cls(about.get("error", "it stopped"), about.get("finished", ""), text)


@dataclass(frozen=True)
class Executed:
    """A recipe with its last good outputs.

    `about` holds when they were made, in how many seconds, with which parameters; it is empty where
    there are none. `doubt` says why they may not be what the recipe gives now.
    """

    recipe: Recipe
    notebook: Any
    about: dict[str, Any]
    failure: Failure | None = None
    doubt: str = ""

    @classmethod
    def read(cls, recipe: Recipe, folder: Path) -> "Executed":
        """Take the outputs from the notebook in `folder`, else those stored with the chapter."""
        failure = Failure.read(_failures(recipe, folder) / recipe.path.name)
        done, doubt = _run_of(recipe, folder / recipe.path.name)
        page = deepcopy(recipe.notebook)
        if done is None:
            return cls(recipe, page, dict(page.metadata.get("recipes", {})), failure, doubt)
        outputs = iter([cell.outputs for cell in done.cells if _own_code(cell)])
        for cell in page.cells:
            if _own_code(cell):
                cell.outputs = next(outputs)
        return cls(recipe, page, dict(done.metadata["recipes"]), failure)

    @property
    def status(self) -> str:
        """What became of it, in one word or two."""
        if self.failure:
            return "failed"
        return "not run" if self.doubt else "passed"

    @cached_property
    def claims(self) -> list[dict[str, Any]]:
        """The records of its claims."""
        return claim_records(self.notebook)

    @property
    def day(self) -> str:
        """The day of the run, ISO 8601, UTC; empty where there was none."""
        return str(self.about.get("finished", ""))[:10]

    @property
    def seconds(self) -> float | None:
        """How long the run took."""
        return self.about.get("seconds")

    @property
    def changed(self) -> dict[str, Any]:
        """The parameters of the run that are not the recipe's own."""
        given = self.about.get("parameters", {})
        own = self.recipe.parameters
        return {name: value for name, value in given.items() if own.get(name) != value}

    def given(self, *apart: str) -> str:
        """These parameters in words, `seed = 7, rate = 0.1`, some left `apart`."""
        pairs = [pair for pair in self.changed.items() if pair[0] not in apart]
        return ", ".join(f"{name} = {value!r}" for name, value in pairs)

    @property
    def stamp(self) -> dict[str, Any]:
        """Hardware and versions, as its claims recorded them."""
        return next((dict(record["versions"]) for record in self.claims), {})

    @property
    def hardware(self) -> str:
        """The accelerator, or the processor and its threads."""
        return hardware(self.stamp) if self.stamp else "unknown hardware"


def hardware(stamp: Mapping[str, Any]) -> str:
    """The accelerator, or the processor and its threads, of the stamp that a record carries."""
    if stamp["device"] != "cpu":
        return str(stamp["device"])
    return f"{stamp['processor']}, {stamp['threads']} thread{'s' * (stamp['threads'] > 1)}"


def _failures(recipe: Recipe, folder: Path) -> Path:
    """Where `recipes run --out FOLDER` keeps what failed: not among the chapters."""
    chapters = recipe.path.parent
    in_place = folder.resolve() == chapters.resolve()
    return (chapters.parent / "_build" / CHAPTERS if in_place else folder) / "failed"


def _run_of(recipe: Recipe, path: Path) -> tuple[Any | None, str]:
    """The notebook in `path` where it ran this very code; else None, and why not."""
    try:
        done = read_notebook(path) if path.exists() else None
    except BookError as error:
        return None, str(error)
    source = done.metadata.get("recipes", {}).get("source") if done else None
    if not source:
        return None, "it has not been run here"
    changed = source != source_digest(recipe.notebook)
    return (None, "its code has changed since it was run") if changed else (done, "")


def _own_code(cell: Any) -> bool:
    return cell.cell_type == "code" and "injected-parameters" not in tags(cell)
