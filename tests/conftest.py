"""Small books to run, check and build: real notebooks that need nothing but a kernel."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
import nbformat
import pytest
from nbformat import v4
from typer.testing import CliRunner, Result

from recipes_lib.book.cli import app

# Before torch is imported: threads on small nets wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

PARAMETERS = """\
device = "auto"  # "auto", "cpu"
scale = "quick"  # "quick", "full"
seed = 0  # 0, 1, …
rate = 0.5  # any number
flag = True  # True, False
dataset = "digits"  # a name or a folder"""

SETUP = """\
import importlib.util
import os

if importlib.util.find_spec("recipes_lib") is None:  # as in Colab
    source = os.environ.get("RECIPES_SOURCE", "..")
    %pip install --quiet {source}"""
STUDY = f"""\
import sys

sys.path.insert(0, {str(Path(__file__).parent)!r})
from standin import Study

study = Study()"""

CLAIMS = """\
[source.S1]
author = "A. Writer"
year = 2024
title = "A book & its author"

[recipe.good]
dataset = "digits"
presumes = "a net that trains"

[[claim]]
id = "it-works"
recipe = "good"
statement = "it-works holds."
sources = ["S1"]
by_source = true
metric = "accuracy"
checks = ["it is plugged in"]
"""

TOC = """\
# A comment that stays.
format: jb-book
root: intro
parts:
  - caption: Train  # this one, too
    chapters:
{chapters}
  - caption: Evidence
    chapters:
      - file: ledger
"""

CONFIG = """\
title: A small book
only_build_toc_files: true
execute:
  execute_notebooks: "off"
repository:
  url: https://github.com/OWNER/REPO
  branch: main
launch_buttons:
  colab_url: https://colab.research.google.com
html:
  use_repository_button: true
"""

Invoke = Callable[..., Result]


@pytest.fixture(autouse=True)
def style() -> Iterator[None]:
    """Undo what a test does to matplotlib's settings, so that order does not matter."""
    with matplotlib.rc_context():
        yield


def code(source: str, *tags: str) -> Any:
    return v4.new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


def recipe(*cells: str) -> Any:
    """A notebook with a title, the parameters and then the given code."""
    body = [
        v4.new_markdown_cell("# Does it work?"),
        code(PARAMETERS, "parameters"),
        *map(code, cells),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return v4.new_notebook(cells=body, metadata={"kernelspec": kernel})


SECTIONS = (
    "Problem",
    "Solution",
    "How it works",
    "Measured",
    "Verdict",
    "Use it",
    "What would fool us",
    "Sources",
)
CELLS = {
    "Measured": [STUDY, 'study.check("it is plugged in")'],
    "Verdict": ['study.claim("it-works", 0.5)', "study.summary()"],
}


def good_recipe() -> Any:
    """A notebook that keeps the whole contract once it has run."""
    notebook = recipe()
    notebook.cells[0].source += "\n\n**Short answer.** It does. Try it."
    notebook.cells.append(code(SETUP, "setup"))
    for section in SECTIONS:
        text = f"## {section}\n\nSee [there](https://doi.org/10.1234/5.678), at `0.001`."
        notebook.cells += [v4.new_markdown_cell(text), *map(code, CELLS.get(section, []))]
    return notebook


def write_book(root: Path, **recipes: Any) -> Path:
    (root / "chapters").mkdir(parents=True)
    for name, notebook in recipes.items():
        nbformat.write(notebook, root / "chapters" / f"{name}.ipynb")
    files = {
        "_config.yml": CONFIG,
        "claims.toml": CLAIMS,
        "intro.md": "# Welcome\n",
        "ledger.md": "# Ledger\n\n<!-- ledger -->\n",
    }
    files["_toc.yml"] = TOC.format(
        chapters="\n".join(f"      - file: chapters/{name}" for name in recipes)
    )
    for name, text in files.items():
        (root / name).write_text(text)
    return root


@pytest.fixture
def make_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a book of the given recipes, and work in it."""

    def make(**recipes: Any) -> Path:
        root = write_book(tmp_path / "book", **recipes)
        monkeypatch.chdir(root)
        monkeypatch.setenv("COLUMNS", "200")
        return root

    return make


@pytest.fixture
def recipes_command() -> Invoke:
    """Call `recipes` with the given words."""
    runner = CliRunner()

    def invoke(*words: object) -> Result:
        result = runner.invoke(app, [str(word) for word in words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke
