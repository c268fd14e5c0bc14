"""What an executed notebook depends on, in one number: while it stays, there is nothing to run
again.
"""

import json
import platform
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from recipes_lib.book.notebook import tags
from recipes_lib.book.project import Recipe
from recipes_lib.book.reach import Library
from recipes_lib.evidence.registry import Registry

UNMEASURED = {"injected-parameters", "setup"}
LIBRARY = Library(Path(__file__).parents[1])


def source_digest(notebook: Any) -> str:
    """Digest the code cells, their tags included: outputs that came from other code are stale.

    Left out is what papermill injected, so that a run with other parameters keeps the digest, and
    the setup, which installs and measures nothing.
    """
    code = [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and not UNMEASURED & set(tags(cell))
    ]
    return _digest([(tags(cell), cell.source) for cell in code])


def fingerprint(recipe: Recipe, parameters: Mapping[str, Any], registry: Registry) -> str:
    """Digest the cells, the merged parameters, the modules that the cells reach, what is registered
    of the recipe, the versions and the reader's data folders.
    """
    cells = [(cell.cell_type, tags(cell), cell.source) for cell in recipe.notebook.cells]
    modules = LIBRARY.reach(source for kind, _, source in cells if kind == "code")
    registered = [registry.protocols.get(recipe.name), registry.of(recipe.name)]
    folders = {
        value: _contents(value)
        for value in parameters.values()
        if isinstance(value, str) and "/" in value
    }
    known = [sorted(parameters.items()), modules, registered, versions(), folders]
    return _digest([cells, *known])


@cache
def versions() -> dict[str, str]:
    """Python and the package's own requirements, as installed here."""
    needed = [Requirement(line) for line in requires("pytorch-recipes") or []]
    names = [
        need.name for need in needed if need.marker is None or need.marker.evaluate({"extra": ""})
    ]
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def _contents(folder: str) -> list[tuple[str, int, int]]:
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return [
        (str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns)
        for path in files
    ]


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=repr).encode()).hexdigest()
