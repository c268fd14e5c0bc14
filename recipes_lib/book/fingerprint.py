"""What an executed notebook depends on, in one number: while it stays, there is nothing to run
again.
"""

import json
import os
import platform
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from recipes_lib.book.notebook import tags
from recipes_lib.book.parameters import OUTPUTS
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
    of the recipe, the versions and the reader's own data.
    """
    cells = [(cell.cell_type, tags(cell), cell.source) for cell in recipe.notebook.cells]
    modules = LIBRARY.reach(source for kind, _, source in cells if kind == "code")
    registered = [registry.protocols.get(recipe.name), registry.of(recipe.name)]
    folders = {
        value: _contents(Path(value))
        for name, value in parameters.items()
        if name not in OUTPUTS and isinstance(value, str) and Path(value).is_absolute()
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


def _contents(root: Path) -> list[tuple[str, int, int]]:
    """List the file, or the files of a folder and of those that it links to, size and time each."""
    files, seen = [root], set()
    for folder, inside, names in os.walk(root, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:
            inside.clear()  # a link that leads back
            continue
        seen.add(real)
        files += [Path(folder, name) for name in names]
    found = [(path, path.stat()) for path in sorted(files) if path.is_file()]
    return [(str(path), about.st_size, about.st_mtime_ns) for path, about in found]


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=repr).encode()).hexdigest()
