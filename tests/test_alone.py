"""A notebook alone, as a reader takes it home: in an empty folder, where little more than PyTorch
is installed.

By default the quickest recipe, `RECIPES_ALONE=all` takes each.
"""

import os
import shutil
import subprocess
import sys
import venv
from importlib.metadata import PackageNotFoundError, distribution
from math import inf
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from recipes_lib.book.notebook import claim_records, read_notebook
from recipes_lib.book.project import Book, Recipe
from recipes_lib.book.task import last_run

ROOT = Path(__file__).parent.parent
GIVEN = ("torch", "torchvision", "matplotlib", "numpy", "pandas", "ipykernel", "papermill", "pip")
RUNNERS = {
    "papermill": ["-m", "papermill", "--no-progress-bar", "recipe.ipynb", "done.ipynb"],
    "jupyter execute": [
        "-c",
        "from nbclient.cli import main; main()",
        "--output",
        "done.ipynb",
        "recipe.ipynb",
    ],
}


BOOK = Book.find(ROOT)
# Verdicts of timings may differ from machine to machine.
TIMINGS = {claim.id for claim in BOOK.claims if any(case.timing for case in claim.cases)}


def chosen() -> list[Recipe]:
    if os.environ.get("RECIPES_ALONE") == "all":
        return BOOK.recipes
    return [min(BOOK.recipes, key=lambda recipe: last_run(recipe.path).get("seconds", inf))]


def verdicts(path: Path) -> list[tuple[str, str, str]]:
    """What a notebook says of each case that is no timing."""
    records = claim_records(read_notebook(path))
    return [(row["id"], row["case"], row["verdict"]) for row in records if row["id"] not in TIMINGS]


def closure(names: tuple[str, ...]) -> set[str]:
    """The distributions and all that they require here."""
    found: set[str] = set()
    wanted = [canonicalize_name(name) for name in names]
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        found.add(name)
        needs = [Requirement(line) for line in requires]
        extras = ["", *(extra for need in needs for extra in need.extras)]
        wanted += [
            canonicalize_name(need.name)
            for need in needs
            if need.marker is None
            or any(need.marker.evaluate({"extra": extra}) for extra in extras)
        ]
    return found


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own with the given packages, linked from this one."""
    home = tmp_path_factory.mktemp("bare") / "env"
    venv.create(home, with_pip=False)
    (site,) = home.glob("lib/python*/site-packages")
    for name in closure(GIVEN):
        for file in distribution(name).files or []:
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not (site / top).exists():
                (site / top).symlink_to(distribution(name).locate_file(top))
    return home / "bin" / "python"


@pytest.mark.skipif(sys.platform != "linux", reason="links an environment as Linux lays it out")
@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("recipe", chosen(), ids=lambda recipe: recipe.name)
def test_a_notebook_alone_installs_the_library_and_ends_with_the_same_verdicts(
    python: Path, tmp_path: Path, recipe: Recipe, runner: str
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("recipes_lib", "pyproject.toml", "README.md", "LICENSE"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, source / name)
    (tmp_path / "alone").mkdir()
    shutil.copy(recipe.path, tmp_path / "alone" / "recipe.ipynb")
    environment = {**os.environ, "RECIPES_SOURCE": str(source), "OMP_NUM_THREADS": "1"}
    command = [str(python), *RUNNERS[runner]]
    ran = subprocess.run(
        command,
        cwd=tmp_path / "alone",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = verdicts(tmp_path / "alone" / "done.ipynb")
    assert found
    assert found == verdicts(recipe.path)
