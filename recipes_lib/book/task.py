"""One recipe on its way to an executed notebook, and what that notebook says of its run."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes_lib.book import report
from recipes_lib.book.errors import BookError
from recipes_lib.book.files import write_notebook
from recipes_lib.book.fingerprint import fingerprint, source_digest
from recipes_lib.book.notebook import claim_records, parse_notebook, read_notebook
from recipes_lib.book.parameters import made
from recipes_lib.book.project import Recipe
from recipes_lib.evidence.registry import Registry


def last_run(path: Path) -> dict[str, Any]:
    """What an executed notebook says of its run; nothing where there is no such notebook."""
    with suppress(BookError):
        return dict(read_notebook(path).metadata.get("recipes", {}))
    return {}


@dataclass
class Task:
    """A recipe to run, with the parameters given, and where its notebook goes."""

    recipe: Recipe
    given: dict[str, Any]
    registry: Registry
    output: Path
    failures: Path

    def __post_init__(self) -> None:
        self.outcome = report.Outcome(self.recipe.name)
        self.parameters = self.recipe.parameters | self.given
        self.fingerprint = fingerprint(self.recipe, self.parameters, self.registry)
        self.last = last_run(self.output)
        self.expected = (self.last or last_run(self.recipe.path)).get("seconds", float("inf"))

    @property
    def failure(self) -> Path:
        """Where the notebook of a failed run goes."""
        return self.failures / self.recipe.path.name

    def unchanged(self) -> bool:
        """Whether the notebook in place is what a run would make; if so, report it as it is."""
        if self.last.get("fingerprint") != self.fingerprint or not made(self.parameters):
            return False
        self.outcome.status, self.outcome.seconds = "unchanged", self.last["seconds"]
        self._report(read_notebook(self.output), self.output)
        # A later try that failed, and was taken back.
        self.failure.unlink(missing_ok=True)
        return True

    def finish(self, execution: Any) -> bool:
        """Keep the notebook of an execution that has ended; say whether it has."""
        success, row = execution.poll(), self.outcome
        row.seconds = execution.seconds
        if success is None:
            return False
        row.error = self._edited_meanwhile() if success else execution.error()
        row.status = "failed" if row.error else "passed"
        self._keep(execution.notebook() or self._not_begun())
        return True

    def _not_begun(self) -> Any:
        notebook = parse_notebook(self.recipe.text, self.recipe.path)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        return notebook

    def _edited_meanwhile(self) -> str | None:
        """An author's edit goes before our outputs."""
        path = self.recipe.path
        in_place = self.output == path.resolve()
        if in_place and Recipe(self.recipe.name, path).text != self.recipe.text:
            return "the chapter was edited while it ran; run it again"
        return None

    def _keep(self, notebook: Any) -> None:
        path = self.failure if self.outcome.error else self.output
        self._report(notebook, path)
        write_notebook(path, self._clean(notebook))
        if not self.outcome.error:
            self.failure.unlink(missing_ok=True)

    def _report(self, notebook: Any, path: Path) -> None:
        self.outcome.output = str(path)
        self.outcome.tell(claim_records(notebook), claim_records(self.recipe.notebook))

    def _clean(self, notebook: Any) -> Any:
        """Strip what differs from run to run, and note what the outputs depend on."""
        for cell in notebook.cells:
            for key in ("papermill", "execution"):
                cell.metadata.pop(key, None)
            if not cell.metadata.get("tags", True):
                del cell.metadata["tags"]
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        notebook.metadata.pop("papermill", None)
        notebook.metadata |= {"kernelspec": kernel, "language_info": {"name": "python"}}
        notebook.metadata["recipes"] = self._about(notebook)
        return notebook

    def _about(self, notebook: Any) -> dict[str, Any]:
        about = {
            "source": source_digest(notebook),
            "seconds": self.outcome.seconds,
            "finished": report.now(),
            "parameters": self.parameters,
        }
        failed = self.outcome.error
        return about | ({"error": failed} if failed else {"fingerprint": self.fingerprint})
