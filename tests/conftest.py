"""Small books to run, check and build: real notebooks that need nothing but a kernel."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

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

# What recipes_lib.evidence does, as far as the book sees it: a card with a number that is new on
# every run.
STUDY = """\
import os
import time

from IPython.display import display


source = os.environ.get("RECIPES_SOURCE", "..")


class Study:
    def claim(self, id, effect, source="S1", expect="supported"):
        verdict = "supported" if effect > 0 else "contradicted"
        record = {"id": id, "case": "", "source": source, "statement": f"{id} holds.", "verdict": verdict}
        record |= {"expect": expect, "differs": verdict != expect, "effect": effect, "interval": [effect, effect]}
        record |= {"unit": "difference", "n": 8, "device": "cpu", "seconds": time.time()}
        record |= {"versions": {"device": "cpu", "processor": "A processor", "threads": 1, "torch": "2.0"}}
        html = f'<p>{verdict} <span class="measured">{time.time()}\\n</span></p>'
        data = {"text/plain": f"{id} {verdict.upper()}", "text/html": html}
        display(data, raw=True, metadata={"claim": record})"""

CLAIMS = """\
[sources]
S1 = "A book & its author"

[[claim]]
id = "it-works"
recipe = "good"
claim = "it works"
sources = ["S1"]
metric = "none"
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


def good_recipe() -> Any:
    """A notebook that keeps the whole contract once it has run."""
    notebook = recipe()
    notebook.cells[0].source += "\n\n**Short answer.** It does. Try it."
    notebook.cells.append(code(STUDY, "setup"))
    for section in (
        "Problem",
        "Solution",
        "How it works",
        "Measured",
        "Verdict",
        "Use it",
        "Pitfalls",
        "Sources",
    ):
        notebook.cells.append(
            v4.new_markdown_cell(
                f"## {section}\n\nSee [there](https://doi.org/10.1234/5.678), at `0.001`."
            )
        )
        if section == "Verdict":
            notebook.cells.append(code('Study().claim("it-works", 0.5)'))
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
