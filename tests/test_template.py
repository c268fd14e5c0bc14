"""What `recipes new` starts: a recipe like the others, which runs and passes the check."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Invoke, good_recipe

from recipes_lib.book.new import NOTEBOOK
from recipes_lib.book.notebook import claim_records, read_notebook
from recipes_lib.book.project import Book
from recipes_lib.evidence.registry import read

ROOT = Path(__file__).parent.parent
MOST_LINES, MOST_WORDS = 120, 50
Make = Callable[..., Path]


def code(path: Path) -> list[str]:
    return [cell.source for cell in read_notebook(path).cells if cell.cell_type == "code"]


def test_a_new_recipe_runs_and_passes_the_check(make_book: Make, recipes_command: Invoke) -> None:
    root = make_book(good=good_recipe())
    assert recipes_command("new", "wide_nets").exit_code == 0
    ran = recipes_command("run", "wide_nets", "--out", "chapters")
    assert ran.exit_code == 0, ran.output
    records = claim_records(read_notebook(root / "chapters" / "wide_nets.ipynb"))
    assert [record["verdict"] for record in records] == ["supported"] * 2
    checked = recipes_command("check", "wide_nets")
    assert checked.exit_code == 0, checked.output


def test_a_new_recipe_is_listed_registered_and_titled(
    make_book: Make, recipes_command: Invoke
) -> None:
    root = make_book(good=good_recipe())
    assert recipes_command("new", "wide_nets", "--title", 'Are "wide" nets better?').exit_code == 0
    lines = (root / "_toc.yml").read_text().splitlines()
    assert lines[0] == "# A comment that stays."
    place = lines.index("      - file: chapters/good")
    assert lines[place + 1 : place + 3] == [
        "      - file: chapters/wide_nets",
        "  - caption: Evidence",
    ]
    assert Book(root).recipes[1].title == 'Are "wide" nets better?'
    (claim,) = Book(root).registry.of("wide_nets")
    assert (claim.id, len(claim.cases), len(claim.checks)) == ("wide-nets-helps", 2, 3)
    assert Book(root).registry.protocols["wide_nets"].dataset == "mnist5k"
    assert Book(root).registry.of("good")


def test_the_rows_go_where_the_registry_is(make_book: Make, recipes_command: Invoke) -> None:
    root = make_book(good=good_recipe())
    (root / "recipes_lib").mkdir()
    shipped = (root / "claims.toml").rename(root / "recipes_lib" / "claims.toml")
    assert recipes_command("new", "wide_nets").exit_code == 0
    assert read(shipped).of("wide_nets")
    assert not (root / "claims.toml").exists()


def test_a_book_without_a_registry_gets_one(make_book: Make, recipes_command: Invoke) -> None:
    root = make_book(good=good_recipe())
    (root / "claims.toml").unlink()
    assert recipes_command("new", "wide_nets").exit_code == 0
    assert list(read(root / "claims.toml").claims) == ["wide-nets-helps"]


def refusal(root: Path, invoke: Invoke, name: str) -> str:
    """What the command says where it refuses a name, and leaves the book as it was."""
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    result = invoke("new", name)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    return result.stderr


@pytest.mark.parametrize("name", ["good", "Good", "3d", "two words", "../x", "class"])
def test_a_new_recipe_needs_a_free_and_plain_name(
    make_book: Make, recipes_command: Invoke, name: str
) -> None:
    said = refusal(make_book(good=good_recipe()), recipes_command, name)
    assert ("exists already" if name == "good" else "is no name for a recipe") in said


def test_a_name_that_is_registered_is_taken(make_book: Make, recipes_command: Invoke) -> None:
    root = make_book(good=good_recipe())
    with (root / "claims.toml").open("a") as file:
        file.write('\n[recipe.wide_nets]\ndataset = "digits"\n')
    assert "is registered in" in refusal(root, recipes_command, "wide_nets")


def test_a_book_that_lists_no_recipe_is_named(make_book: Make, recipes_command: Invoke) -> None:
    root = make_book(good=good_recipe())
    (root / "_toc.yml").write_text("format: jb-book\nroot: intro\n")
    assert "lists no recipe to add this one after" in refusal(root, recipes_command, "wide_nets")


def test_the_template_is_short() -> None:
    assert sum(len(source.splitlines()) for source in code(NOTEBOOK)) <= MOST_LINES
    first = read_notebook(NOTEBOOK).cells[0].source
    assert len(first.split("**Short answer.**")[1].split()) <= MOST_WORDS


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=lambda words: words[0])
def test_the_template_is_as_tidy_as_a_chapter(command: list[str]) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    words = [ruff, *command, "--stdin-filename", ROOT / "chapters" / "new.ipynb", "-"]
    text = NOTEBOOK.read_text(encoding="utf-8")
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_the_template_cites_is_in_the_references() -> None:
    cited = re.findall(r"{cite(?::\w+)?}`([^`]+)`", NOTEBOOK.read_text(encoding="utf-8"))
    assert cited
    known = re.findall(r"^@\w+{(\w+),", (ROOT / "references.bib").read_text(), re.MULTILINE)
    assert set(cited) <= set(known)
