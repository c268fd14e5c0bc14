"""What a recipe imports is what its setup cell makes sure of, in versions that will do."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from recipes_lib import needs
from recipes_lib.book.notebook import tags
from recipes_lib.book.project import Book, Recipe

ROOT = Path(__file__).parent.parent
OWN = [Requirement(line) for line in metadata.requires("pytorch-recipes") or []]
IMPORT = re.compile(r"^(import \w|from [\w.]+ import )", re.MULTILINE)
MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)
GIVEN = {"pip", *(need.name for need in OWN if need.marker is None)}


def imported(recipe: Recipe) -> set[str]:
    """The modules that the cells import: neither Python's own, nor what the recipe writes itself,
    nor what it looks for first.
    """
    cells = [cell.source for cell in recipe.notebook.cells if cell.cell_type == "code"]
    text = "\n".join(cells)
    nodes = [node for source in cells for node in _walk(MAGIC.sub(r"\1pass", source))]
    names = {name.split(".")[0] for node in nodes for name in _names(node)}
    written = set(re.findall(r"(\w+)\.py\b", text))
    optional = set(re.findall(r'find_spec\("(\w+)"\)', text))
    return names - written - optional - sys.stdlib_module_names - {"recipes_lib"}


def _walk(source: str) -> Iterator[ast.AST]:
    """All nodes, those of the files that stand in strings as well."""
    for node in ast.walk(ast.parse(source)):
        yield node
        if isinstance(node, ast.Constant) and IMPORT.search(str(node.value)):
            yield from ast.walk(ast.parse(node.value))


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def named(recipe: Recipe) -> set[str]:
    """What the setup cell asks for."""
    (setup,) = [cell.source for cell in recipe.notebook.cells if "setup" in tags(cell)]
    return set(re.findall(r'"([^"]+)"', setup.partition("need(")[2]))


def brought(names: set[str]) -> set[str]:
    """The distributions and what these require themselves."""
    found, waiting = set(), {canonicalize_name(name) for name in names}
    while waiting:
        name = waiting.pop()
        found.add(name)
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        needed = [one for one in map(Requirement, lines) if _applies(one)]
        waiting |= {canonicalize_name(one.name) for one in needed} - found
    return found


def _applies(need: Requirement) -> bool:
    return need.marker is None or need.marker.evaluate({"extra": ""})


@pytest.mark.parametrize("recipe", Book.find(ROOT).recipes, ids=lambda recipe: recipe.name)
def test_the_setup_makes_sure_of_all_that_the_recipe_imports(recipe: Recipe) -> None:
    homes = metadata.packages_distributions()
    have = brought(GIVEN | named(recipe))
    unsure = {
        name
        for name in imported(recipe)
        if not {canonicalize_name(home) for home in homes.get(name, [])} & have
    }
    assert unsure == set()
    assert named(recipe) <= {need.name for need in OWN if need.specifier}


def test_imports_are_seen() -> None:
    seen = {recipe.name: imported(recipe) for recipe in Book.find(ROOT).recipes}
    assert {"onnxruntime", "torchao"} <= seen["quantization"]
    assert {"litserve", "fastapi", "onnxruntime"} <= seen["deployment"]
    assert "ray" not in seen["parallel_training"]


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pip was asked for, where it does nothing."""
    asked: list[list[str]] = []

    def note(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command[command.index("install") + 1 :])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(needs.subprocess, "run", note)
    return asked


VERSIONS = {"torch": "2.11.0+cu128", "torchvision": "0.26.0", "numpy": "2.0.2", "onnx": "1.20.0"}


def only(monkeypatch: pytest.MonkeyPatch, **installed: str) -> None:
    def version(name: str) -> str:
        if name in installed:
            return installed[name]
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(needs, "version", version)


@pytest.mark.parametrize("old", [{"torchao": "0.10.0"}, {}])
def test_too_old_is_as_good_as_missing_and_torch_and_numpy_stay(
    pip: list[list[str]], monkeypatch: pytest.MonkeyPatch, old: dict[str, str]
) -> None:
    only(monkeypatch, **VERSIONS, **old)
    needs.need("onnx", "torchao")
    (asked,) = pip
    (bound,) = [str(need.specifier) for need in OWN if need.name == "torchao"]
    kept = [f"{name}=={VERSIONS[name]}" for name in ("torch", "torchvision", "numpy")]
    assert [word for word in asked if word[0] != "-"] == [f"torchao{bound}", *kept]


def test_where_nothing_is_missing_nobody_is_asked(
    pip: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, **VERSIONS, torchao="0.99.dev1")
    needs.need("onnx", "torchao")
    assert pip == []


def test_a_failed_install_says_why_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, **VERSIONS)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(ImportError) as caught:
        needs.need("torch-pruning")
    said = str(caught.value)
    assert "\n" not in said
    assert re.search(r"needs torch-pruning>=.*\(ERROR: .*\); .* uv pip install 'torch-", said)
