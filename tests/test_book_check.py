import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import STUDY, Invoke, code, good_recipe, recipe, write_book
from nbformat import v4
from typer.testing import CliRunner

from recipes_lib.book.cli import app
from recipes_lib.book.contract import problems
from recipes_lib.book.processes import kernels_at_once
from recipes_lib.book.project import Book
from recipes_lib.book.timings import changes


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of a recipe that was run in place, and that keeps the contract."""
    root = write_book(tmp_path_factory.mktemp("executed") / "book", good=good_recipe())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert CliRunner().invoke(app, ["run", "--out", "chapters"]).exit_code == 0
    assert problems(Book(root), Book(root).recipes[0]) == []
    return (root / "chapters" / "good.ipynb").read_text()


@pytest.fixture
def book(make_book: Callable[..., Path], executed: str) -> Path:
    root = make_book(good=good_recipe())
    (root / "chapters" / "good.ipynb").write_text(executed)
    return root


def change(root: Path, how: Callable[[Any], object]) -> None:
    path = root / "chapters" / "good.ipynb"
    notebook = json.loads(path.read_text())
    how(notebook)
    path.write_text(json.dumps(notebook))


def claim_cell(notebook: Any) -> Any:
    return next(
        cell for cell in notebook["cells"] if cell["source"][:1] == ['study.claim("it-works", 0.5)']
    )


def card(notebook: Any) -> Any:
    return claim_cell(notebook)["outputs"][0]["metadata"]["claim"][0]


def summary(cell: Any) -> bool:
    return any("summary" in output["metadata"] for output in cell.get("outputs", []))


def stale(notebook: Any) -> None:
    claim_cell(notebook)["source"] = ['study.claim("it-works", 0.7)']


def retag(*tags: str) -> Callable[[Any], None]:
    return lambda notebook: claim_cell(notebook)["metadata"].update(tags=list(tags))


def say(index: int, text: str) -> Callable[[Any], None]:
    return lambda notebook: notebook["cells"][index]["source"].append(text)


def section(title: str, text: str) -> Callable[[Any], None]:
    def change_it(notebook: Any) -> None:
        cell = next(
            cell for cell in notebook["cells"] if cell["source"][0].startswith(f"## {title}")
        )
        cell["source"].append(text)

    return change_it


def stores(**output: Any) -> Callable[[Any], None]:
    return lambda notebook: claim_cell(notebook)["outputs"].append(output)


STDERR = {"output_type": "stream", "name": "stderr", "text": [" 40%|████      | 4/10"]}
ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}
WIDGET = {
    "output_type": "display_data",
    "metadata": {},
    "data": {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}},
}
BREACHES: dict[str, tuple[Callable[[Any], object], str]] = {
    "older format": (lambda nb: nb.update(nbformat_minor=4), "is older than notebook format 4.5"),
    "no cell id": (
        lambda nb: nb["cells"][0].pop("id"),
        "is no valid notebook: 'id' is a required property",
    ),
    "code without outputs": (lambda nb: claim_cell(nb).pop("outputs"), "is no valid notebook"),
    "no title": (
        lambda nb: nb["cells"][0].update(source=["**Short answer**"]),
        "cell 1: does not begin with a title",
    ),
    "no short answer": (
        lambda nb: nb["cells"][0].update(source=["# Title?"]),
        "cell 1: has no short answer",
    ),
    "long answer": (
        lambda nb: nb["cells"][0]["source"].append(" Try it again." * 16),
        "cell 1: its short answer has 52 words; say it in 50",
    ),
    "other setup": (
        lambda nb: nb["cells"][2]["source"].insert(0, "import sys\n"),
        "its cell tagged 'setup' is not the one of template.ipynb",
    ),
    "much code": (
        lambda nb: claim_cell(nb)["source"].extend(["\nx = 1\n"] * 195),
        "Measured and Verdict have 202 lines of code; say it in 200",
    ),
    "no summary": (
        lambda nb: [cell["outputs"].clear() for cell in nb["cells"] if summary(cell)],
        "ends without a table of its claims; call study.summary() last",
    ),
    "no section": (lambda nb: nb["cells"].pop(3), "sections are Solution"),
    "sections out of order": (
        lambda nb: nb["cells"].insert(3, nb["cells"].pop(4)),
        "sections are Solution, Problem",
    ),
    "no parameters": (
        lambda nb: nb["cells"][1]["metadata"].clear(),
        "0 cells are tagged 'parameters'",
    ),
    "two of parameters": (retag("parameters"), "2 cells are tagged 'parameters'"),
    "other default": (
        lambda nb: nb["cells"][1]["source"].__setitem__(2, "seed = 1  # any\n"),
        "lacks seed = 0",
    ),
    "no comment": (say(1, "\nlast = '#'"), "cell 2: \"last = '#'\" has no comment"),
    "no literal": (say(1, "\nlast = min(1, 2)  # one"), "cell tagged 'parameters' is not readable"),
    "long cell": (lambda nb: claim_cell(nb)["source"].extend("\n" * 21), "has more than 20 lines"),
    "injected": (retag("injected-parameters"), "was injected by papermill"),
    "no outputs": (
        lambda nb: [cell.update(outputs=[]) for cell in nb["cells"] if "outputs" in cell],
        "has no outputs; run",
    ),
    "dropped card": (
        lambda nb: claim_cell(nb).update(outputs=[]),
        "makes 1 claims but stores 0 cards",
    ),
    "not executed": (
        lambda nb: claim_cell(nb).update(execution_count=None),
        "was not run in order (count None)",
    ),
    "stored error": (stores(**ERROR), "stores an error"),
    "stored widget": (stores(**WIDGET), "stores a widget"),
    "stored bar": (stores(**STDERR), "stores a warning or a progress bar"),
    "stale": (stale, "has stale outputs"),
    "not compared": (
        retag("nbval-ignore-output"),
        "tagged 'nbval-ignore-output', so nobody compares it",
    ),
    "skipped": (retag("nbval-skip"), "tagged 'nbval-skip', so nobody compares it"),
    "captured": (
        lambda nb: claim_cell(nb)["source"].insert(0, "%%capture\n"),
        "captures its output",
    ),
    "other registration": (
        lambda nb: card(nb).update(registered="0"),
        "'it-works' was registered anew since it was run; run it again",
    ),
    "unlisted claim": (
        lambda nb: card(nb).update(id="other"),
        "claims 'other', which is not registered for it",
    ),
    "unlisted case": (
        lambda nb: card(nb).update(case="x"),
        "claims 'it-works', case 'x', which is not registered for it",
    ),
    "claim without card": (
        lambda nb: card(nb).update(id="other"),
        "has no card for 'it-works' of the registry",
    ),
    "number in the answer": (say(0, " It gives 93.1% more."), "cell 1: states 93.1% in prose"),
    "number in Measured": (section("Measured", " So 0.12 it is."), "states 0.12 in prose"),
    "number in Verdict": (section("Verdict", " A gain of 3.14."), "states 3.14 in prose"),
}


@pytest.mark.parametrize("name", BREACHES)
def test_the_contract_catches(book: Path, name: str) -> None:
    how, said = BREACHES[name]
    change(book, how)
    found = problems(Book(book), Book(book).recipes[0])
    assert any(said in problem for problem in found), found
    assert all("\n" not in problem for problem in found)


@pytest.mark.parametrize(
    "text",
    [
        " Rates of `0.001`, [0.25](https://a.b/0.25%20c), $x = 0.75$ and 5% of 2 passes.",
        " At 0.5, 10 times.",
    ],
)
def test_settings_may_stand_in_prose(book: Path, text: str) -> None:
    change(book, section("Measured", text))
    assert problems(Book(book), Book(book).recipes[0]) == []


def test_numbers_outside_the_results_are_free(book: Path) -> None:
    change(book, section("Use it", " Version 2.11 and 0.12."))
    assert problems(Book(book), Book(book).recipes[0]) == []


def test_a_claim_without_a_check_owes_one(book: Path) -> None:
    rows = book / "claims.toml"
    rows.write_text(rows.read_text().replace('checks = ["it is plugged in"]\n', ""))
    found = problems(Book(book), Book(book).recipes[0])
    assert "good: claim 'it-works' rests on no check; register one" in found


def test_a_recipe_that_was_never_run_does_not_pass(
    make_book: Callable[..., Path], recipes_command: Invoke
) -> None:
    make_book(good=good_recipe())
    result = recipes_command("check", "--contract-only")
    assert (result.exit_code, "good: has no outputs" in result.output) == (1, True)


def test_what_is_no_notebook_is_a_problem_not_a_crash(book: Path, recipes_command: Invoke) -> None:
    (book / "chapters" / "good.ipynb").write_text("{")
    result = recipes_command("check", "--contract-only")
    assert (result.exit_code, "is no notebook" in result.output) == (1, True)


def test_outputs_that_reproduce_pass_with_other_measured_numbers(
    book: Path, recipes_command: Invoke, capfd: pytest.CaptureFixture[str]
) -> None:
    # The card's number is the time of day, so the two runs differ in it for certain.
    result = recipes_command("check")
    assert result.exit_code == 0, result.output
    assert "6 passed" in capfd.readouterr().out


def corrupt_text(notebook: Any) -> None:
    claim_cell(notebook)["outputs"][0]["data"]["text/plain"] = ["it-works: CONTRADICTED"]


def corrupt_card(notebook: Any) -> None:
    data = claim_cell(notebook)["outputs"][0]["data"]
    data["text/html"] = ["".join(data["text/html"]).replace("Supported", "Undecided")]


@pytest.mark.parametrize("corrupt", [corrupt_text, corrupt_card])
def test_a_corrupted_verdict_does_not_reproduce(
    book: Path,
    recipes_command: Invoke,
    capfd: pytest.CaptureFixture[str],
    corrupt: Callable[[Any], None],
) -> None:
    change(book, corrupt)
    assert recipes_command("check", "--contract-only").exit_code == 0
    assert recipes_command("check", "good").exit_code == 1
    assert "1 failed, 5 passed" in capfd.readouterr().out


def test_the_outputs_of_a_run_elsewhere_are_compared_too(
    make_book: Callable[..., Path], recipes_command: Invoke, capfd: pytest.CaptureFixture[str]
) -> None:
    root = make_book(good=good_recipe())
    result = recipes_command("check", "--executed", "_build/executed")
    assert (result.exit_code, "'good' is not executed in _build/executed" in result.stderr) == (
        2,
        True,
    )
    assert recipes_command("run", "--seed", "5").exit_code == 0
    assert recipes_command("check", "--executed", "_build/executed").exit_code == 0, (
        capfd.readouterr()
    )
    done = root / "_build" / "executed" / "good.ipynb"
    done.write_text(done.read_text().replace("it-works: SUPPORTED", "it-works: UNDECIDED"))
    assert recipes_command("check", "--executed", "_build/executed").exit_code == 1


def record(verdict: str, instead: str = "", **changed: Any) -> dict[str, Any]:
    row = {"id": "fast", "case": "", "verdict": verdict, "instead": instead, "timing": True}
    return row | {"lacks": ""} | changed


@pytest.mark.parametrize(
    ("stored", "found", "expected"),
    [
        (record("supported"), record("supported"), None),
        (record("supported"), record("contradicted", "no gain"), "fault"),
        (record("contradicted", "no gain"), record("supported"), "fault"),
        (record("contradicted"), record("supported", lacks="two cores"), "finding"),
        (record("supported"), record("undecided"), "finding"),
        (record("undecided"), record("contradicted", "no gain"), "finding"),
        (record("supported"), record("none"), "finding"),
        (record("contradicted", "no gain"), record("contradicted", "real but smaller"), "finding"),
        (record("supported"), record("contradicted", timing=False), None),
        (record("supported", case="a"), record("contradicted", case="b"), None),
    ],
)
def test_a_timing_is_a_fault_where_it_is_the_opposite(
    stored: Any, found: Any, expected: str | None
) -> None:
    assert [weight for weight, _ in changes([stored], [found])] == [expected] * bool(expected)


TIMED = """
[[claim]]
id = "it-is-fast"
recipe = "timed"
statement = "It is fast."
metric = "time"
"""
NEXT = """\
from pathlib import Path

left = Path({path!r})
now, *later = left.read_text().split()
left.write_text(" ".join(later))
study.claim("it-is-fast", float(now))"""
SMALLER, OPPOSITE, FAST = "0.95", "1.2", "0.5"


@pytest.mark.parametrize(
    ("times", "words", "exit_code", "said"),
    [
        ([OPPOSITE], [], 0, "timed: it-is-fast: contradicted: the opposite; in the book contr"),
        ([OPPOSITE, OPPOSITE], ["--strict"], 1, "timed: timed once more, with nothing beside it"),
        ([FAST, SMALLER], [], 0, "timed: timed once more, with nothing beside it"),
        ([FAST, FAST], [], 1, "it-is-fast: supported; in the book contradicted: real but smaller"),
    ],
)
def test_timings_are_held_against_the_book_and_tried_again_alone(
    make_book: Callable[..., Path],
    recipes_command: Invoke,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    times: list[str],
    words: list[str],
    exit_code: int,
    said: str,
) -> None:
    left = tmp_path / "left"
    # Two notebooks, so that the first comparison spreads over processes.
    root = make_book(timed=recipe(STUDY, NEXT.format(path=str(left))), other=recipe("1"))
    with (root / "claims.toml").open("a") as file:
        file.write(TIMED)
    left.write_text(" ".join([SMALLER, *times]))
    assert recipes_command("run").exit_code == 0
    result = recipes_command("check", "--executed", root / "_build" / "executed", *words)
    assert (result.exit_code, left.read_text()) == (exit_code, "")
    assert said in result.output + capfd.readouterr().out


def test_a_lax_check_compares_nothing_and_sees_that_every_cell_runs(
    make_book: Callable[..., Path], recipes_command: Invoke, capfd: pytest.CaptureFixture[str]
) -> None:
    root = make_book(timed=recipe("import time", "time.time()"), other=recipe("1"))
    # Outputs that no run gives, and none at all.
    path = root / "chapters" / "timed.ipynb"
    notebook = json.loads(path.read_text())
    stored = [{"output_type": "stream", "name": "stdout", "text": ["x"]}]
    notebook["cells"][-1] |= {"outputs": stored, "execution_count": 3}
    path.write_text(json.dumps(notebook))
    assert recipes_command("check", "--lax").exit_code == 0, capfd.readouterr()
    path.write_text(path.read_text().replace("time.time()", "time.tame()"))
    assert recipes_command("check", "--lax").exit_code == 1
    assert "no attribute 'tame'" in capfd.readouterr().out
    result = recipes_command("check", "--lax", "--strict")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("here", "device", "alone"),
    [
        ("cuda", "auto", True),
        ("cuda:1", "cuda:1", True),
        ("cuda", "cpu", False),
        ("cpu", "auto", False),
    ],
)
def test_kernels_run_one_at_a_time_on_an_accelerator(
    monkeypatch: pytest.MonkeyPatch, here: str, device: str, alone: bool
) -> None:
    monkeypatch.setattr("recipes_lib.hardware.resolve_device", lambda _: torch.device(here))
    monkeypatch.setattr("joblib.cpu_count", lambda: 8)
    assert kernels_at_once(device) == (1 if alone else 8)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for Java is a shell script")
def test_what_needs_torchserve_is_compared_only_where_it_can_run(
    make_book: Callable[..., Path],
    recipes_command: Invoke,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notebook = recipe("1")
    notebook.cells.append(code("import time\ntime.time()", "needs-torchserve"))
    root = make_book(one=notebook)
    assert recipes_command("run").exit_code == 0
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    words = ["check", "--executed", root / "_build" / "executed"]
    result = recipes_command(*words)
    assert (
        result.exit_code,
        "one: Cell 2 not compared: Java is not installed" in result.output,
    ) == (0, True)
    assert "2 passed, 1 deselected" in capfd.readouterr().out
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'version \"17.0.1\"' >&2\n")
    java.chmod(0o755)
    assert recipes_command(*words).exit_code == 1
    assert "1 failed, 2 passed" in capfd.readouterr().out


def test_what_needs_integers_is_compared_only_where_the_processor_has_them(
    make_book: Callable[..., Path], recipes_command: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = recipe("1")
    notebook.cells.append(code("import time\ntime.time()", "needs-integers"))
    root = make_book(one=notebook)
    assert recipes_command("run").exit_code == 0
    for flags, status in (("flags : avx2", 0), ("flags : avx512_vnni", 1)):
        monkeypatch.setattr("recipes_lib.hardware._cpuinfo", lambda flags=flags: flags)
        result = recipes_command("check", "--executed", root / "_build" / "executed")
        assert (result.exit_code, "one: Cell 2 not compared: the processor" in result.output) == (
            status,
            not status,
        )


def test_injected_cells_do_not_change_the_digest() -> None:
    from recipes_lib.book.fingerprint import source_digest

    notebook = good_recipe()
    before = source_digest(notebook)
    notebook.cells.insert(
        2, v4.new_code_cell("seed = 1", metadata={"tags": ["injected-parameters"]})
    )
    assert source_digest(notebook) == before
    notebook.cells[1].metadata["tags"] = ["other"]
    assert source_digest(notebook) != before


NEED = '\nfrom recipes_lib.needs import need\n\nneed("onnx", "torchao")'


@pytest.mark.parametrize(("line", "problems_found"), [(NEED, 0), (f"{NEED}\nimport os", 1)])
def test_a_setup_may_ask_for_optional_packages_and_stales_no_output(
    book: Path, line: str, problems_found: int
) -> None:
    change(book, lambda notebook: notebook["cells"][2]["source"].append(line))
    found = problems(Book(book), Book(book).recipes[0])
    assert ["'setup' is not the one" in said for said in found] == [True] * problems_found
