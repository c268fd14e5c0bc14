"""An executed recipe: the chapter's own prose with the outputs of its run, and what the run says of
itself.
"""

from base64 import b64decode
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat.v4 import new_markdown_cell

from recipes_lib.book.fingerprint import source_digest
from recipes_lib.book.project import BookError, Recipe, claim_records, read_notebook, tags


@dataclass(frozen=True)
class Executed:
    """A recipe's page. `about` holds when it ran, for how many seconds, with which parameters."""

    recipe: Recipe
    notebook: Any
    about: dict[str, Any]

    @classmethod
    def read(cls, recipe: Recipe, folder: Path) -> "Executed":
        """Take the outputs from the notebook in `folder`. Raises `BookError` where the recipe was
        not run as it is.
        """
        path = folder / recipe.path.name
        if not path.exists():
            raise BookError(
                f"recipe {recipe.name!r} is not executed in {folder}; run `recipes run {recipe.name}`"
            )
        done, page = read_notebook(path), deepcopy(recipe.notebook)
        about = done.metadata.get("recipes", {})
        if about.get("source") != source_digest(page):
            raise BookError(
                f"recipe {recipe.name!r} changed since it was executed; run `recipes run {recipe.name}`"
            )
        outputs = iter([cell.outputs for cell in done.cells if _own_code(cell)])
        for cell in page.cells:
            if cell.cell_type == "code":
                cell.outputs = next(outputs)
            if "setup" in tags(cell):
                cell.metadata["tags"] = [*tags(cell), "hide-input"]
        found = cls(recipe, page, about)
        page.cells.insert(1, new_markdown_cell(found._line(), id="last-run"))
        return found

    @property
    def claims(self) -> list[dict[str, Any]]:
        """The records of its claims."""
        return claim_records(self.notebook)

    @property
    def day(self) -> str:
        """The day of the run, ISO 8601, UTC."""
        return str(self.about["finished"])[:10]

    @property
    def stamp(self) -> dict[str, Any]:
        """Hardware and versions, as its claims recorded them."""
        return next((dict(record["versions"]) for record in self.claims), {})

    @property
    def hardware(self) -> str:
        """The accelerator, or the processor and its threads."""
        if not self.stamp:
            return "unknown hardware"
        if self.stamp["device"] != "cpu":
            return str(self.stamp["device"])
        threads = self.stamp["threads"]
        return f"{self.stamp['processor']}, {threads} thread{'s' * (threads > 1)}"

    @property
    def figure(self) -> tuple[bytes, str] | None:
        """The first figure of its measurements, PNG, and what it shows."""
        measured = False
        for cell in self.notebook.cells:
            measured |= cell.cell_type == "markdown" and cell.source.startswith("## Measured")
            for output in cell.get("outputs", []) if measured else []:
                if image := output.get("data", {}).get("image/png"):
                    return b64decode(image), cell.metadata.get("mystnb", {}).get("image", {}).get(
                        "alt", ""
                    )
        return None

    def _line(self) -> str:
        changed = [
            f"`{name} = {value!r}`"
            for name, value in self.about["parameters"].items()
            if self.recipe.parameters[name] != value
        ]
        given = f", with {', '.join(changed)}" if changed else ""
        torch = f" with torch {self.stamp['torch']}" if self.stamp else ""
        return f"*Ran on {self.day} on {self.hardware}{torch}, in {self.about['seconds']:.0f} s{given}.*"


def _own_code(cell: Any) -> bool:
    return cell.cell_type == "code" and "injected-parameters" not in tags(cell)
