"""Paths that a reader gives mean what they mean where the command was typed."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import Invoke, recipe
from nbformat import v4
from PIL import Image
from test_book_run import Make, names, statuses

from recipes_lib.book.parameters import choose
from recipes_lib.book.project import Book


def photos(folder: Path) -> Path:
    """A folder of two classes with five pictures each."""
    for number in range(10):
        picture = folder / "ab"[number % 2] / f"{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 20 * number).save(picture)
    return folder


SAVES = """\
from pathlib import Path

if save_to:
    Path(save_to).mkdir(parents=True, exist_ok=True)
    Path(save_to, "model.safetensors").write_bytes(b"weights")"""


def saving() -> Any:
    notebook = recipe(SAVES)
    notebook.cells[1].source += '\nsave_to = ""  # a folder'
    return notebook


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("my_model", "here/my_model"),
        ("./my model/2", "here/my model/2"),
        ("../mine", "mine"),
        ("~/mine", "home/mine"),
        ("models\\mine", "here/models/mine"),
        ("2024", "here/2024"),
    ],
)
def test_a_model_is_saved_where_it_was_asked_for_and_again_once_it_is_gone(
    make_book: Make,
    recipes_command: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    given: str,
    place: str,
) -> None:
    root = make_book(own=saving())
    executed = root / "_build" / "executed"
    (root / "here").mkdir()
    monkeypatch.chdir(root / "here")
    monkeypatch.setenv("HOME", str(root / "home"))
    monkeypatch.setenv("USERPROFILE", str(root / "home"))
    (root / "home").mkdir()
    words = ("run", "-p", "save_to", given, "--out", executed)
    for status in ("passed", "unchanged"):
        assert recipes_command(*words).exit_code == 0
        assert statuses(executed) == {"own": status}
    model = root / place / "model.safetensors"
    assert model.read_bytes() == b"weights"
    # What a run leaves is nothing that it depends on.
    (model.parent / "notes.txt").write_text("mine")
    os.utime(model, ns=(1, 1))
    recipes_command(*words)
    assert statuses(executed) == {"own": "unchanged"}
    model.unlink()
    recipes_command(*words)
    assert statuses(executed) == {"own": "passed"}
    assert model.exists()


def test_a_model_is_not_saved_where_it_cannot_be(make_book: Make, recipes_command: Invoke) -> None:
    root = make_book(own=saving())
    before = names(root)
    for given, said in (
        ("intro.md", "cannot save to intro.md: *intro.md is no folder to write to; give another"),
        ("intro.md/x", "cannot save to intro.md/x: *intro.md is no folder to write to"),
        ("C:\\mine", "C:\\mine is a path of Windows; give one of this system"),
    ):
        result = recipes_command("run", "-p", "save_to", given)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert all(part in result.stderr for part in said.split("*")), result.stderr
    assert names(root) == before


@pytest.mark.parametrize("given", ["2024", "./2024", "~/2024", "deep\\2024", "deep/2024/"])
def test_a_data_folder_is_meant_from_where_the_command_was_typed(
    make_book: Make, recipes_command: Invoke, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    root = make_book(own=recipe("print('it is', dataset)"))
    here = root / "chapters"
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(here))
    monkeypatch.setenv("USERPROFILE", str(here))
    folder = photos(here / ("deep/2024" if "deep" in given else "2024"))
    executed = root / "_build" / "executed"
    result = recipes_command("run", "-p", "dataset", given, "--out", executed)
    assert result.exit_code == 0, result.output
    assert f"it is {folder}" in (executed / "own.ipynb").read_text()


def test_a_change_behind_a_link_is_seen(make_book: Make, recipes_command: Invoke) -> None:
    root = make_book(own=recipe())
    executed = root / "_build" / "executed"
    folder = photos(root / "pictures")
    (root / "linked").mkdir()
    for name in "ab":
        (root / "linked" / name).symlink_to(folder / name)
    for status in ("passed", "unchanged"):
        recipes_command("run", "-p", "dataset", "linked")
        assert statuses(executed) == {"own": status}
    os.utime(folder / "a" / "0.png", ns=(1, 1))
    recipes_command("run", "-p", "dataset", "linked")
    assert statuses(executed) == {"own": "passed"}


def test_dates_are_seeds_and_what_is_none_is_refused(
    make_book: Make, recipes_command: Invoke
) -> None:
    root = make_book(own=recipe("print('it is', seed)"))
    for seed in ("20240101", str(2**63 - 1)):
        assert recipes_command("run", "--seed", seed).exit_code == 0
        assert f"it is {seed}" in (root / "_build" / "executed" / "own.ipynb").read_text()
    for seed in ("-1", str(2**63)):
        result = recipes_command("run", "--seed", seed)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert f"seed is {seed}; give a whole number from 0 to 2**63 - 1" in result.stderr


def test_the_reader_s_data_folder_is_the_kernels_too(
    make_book: Make, recipes_command: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_book(own=recipe("import os\nprint('it is', os.environ['RECIPES_DATA'])"))
    executed = root / "_build" / "executed"
    monkeypatch.setenv("HOME", str(root))
    for given in ("sets", "~/sets"):
        monkeypatch.setenv("RECIPES_DATA", given)
        recipes_command("run", "--force", f"--out=~/{executed.relative_to(root)}")
        assert f"it is {root / 'sets'}" in (executed / "own.ipynb").read_text()


def test_papermill_takes_the_same_paths(make_book: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_book(own=saving())
    words = ["own.ipynb", "out.ipynb", "-p", "save_to", "my_model", "-p", "dataset", "2024"]
    monkeypatch.chdir(root / "chapters")
    photos(root / "chapters" / "2024")
    notebook = nbformat.read("own.ipynb", 4)
    notebook.cells.append(v4.new_code_cell("from recipes_lib import load\nload(dataset)"))
    nbformat.write(notebook, "own.ipynb")
    subprocess.run([sys.executable, "-m", "papermill", *words], check=True, capture_output=True)
    assert (root / "chapters" / "my_model" / "model.safetensors").exists()


def test_no_folder_to_save_to_is_a_temporary_one(make_book: Make) -> None:
    [own] = Book(make_book(own=saving())).recipes
    assert choose(own, {"save_to": ""}) == {"save_to": ""}
