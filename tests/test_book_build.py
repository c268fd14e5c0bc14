"""The built book, its parts and what it does with recipes that failed: small books, one run."""

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from conftest import CLAIMS, Invoke, good_recipe, write_book
from filelock import FileLock, Timeout
from nbformat import v4
from test_benchmarks import small_record
from typer.testing import CliRunner

from benchmarks.__main__ import write
from recipes_lib.book.build import build, repository
from recipes_lib.book.cli import app
from recipes_lib.book.executed import Executed
from recipes_lib.book.gallery import short_answer
from recipes_lib.book.ledger import gather, rows
from recipes_lib.book.ledger_page import to_html
from recipes_lib.book.page import compose
from recipes_lib.book.project import Book

Make = Callable[..., Path]
UNREGISTERED = """
[[claim]]
id = "never-tried"
recipe = "good"
statement = "x < y & <script>"
metric = "loss"
case = [{ name = "<b>" }, { name = "other" }]
"""


@pytest.fixture(autouse=True)
def no_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book whose one recipe has run, with another seed than its own."""
    root = write_book(tmp_path_factory.mktemp("ran") / "book", good=good_recipe())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert CliRunner().invoke(app, ["run", "--seed", "3"]).exit_code == 0
    return root


@pytest.fixture
def book(ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that book, to work in."""
    shutil.copytree(ran, tmp_path / "book")
    monkeypatch.chdir(tmp_path / "book")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "book"


def executed_in(book: Path) -> Path:
    return book / "_build" / "executed" / "good.ipynb"


def page_of(book: Path, folder: str = "_build/executed") -> Executed:
    return Executed.read(Book(book).recipes[0], book / folder)


def text_of(done: Executed) -> str:
    cells = compose(done, "a net that trains").cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def fail(book: Path, **about: str) -> None:
    """Leave behind what a run that failed leaves."""
    notebook = good_recipe()
    notebook.metadata["recipes"] = {"finished": "2026-11-25T04:30:00+00:00", **about}
    output = v4.new_output(
        "error", ename="ValueError", evalue="x", traceback=["\x1b[31mline\x1b[0m"]
    )
    next(cell for cell in notebook.cells if cell.cell_type == "code").outputs = [output]
    path = executed_in(book).parent / "failed" / "good.ipynb"
    path.parent.mkdir()
    nbformat.write(notebook, path)


def test_the_built_book_shows_outputs_and_the_ledger(
    book: Path,
    recipes_command: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    result = recipes_command("build")
    assert result.exit_code == 0, capfd.readouterr()
    html = book / "_build" / "html"
    assert f"Open {html / 'index.html'}" in result.output
    page, ledger = ((html / name).read_text() for name in ("chapters/good.html", "ledger.html"))
    assert page.count('id="claim-it-works"') == 1
    assert '<a href="#claim-it-works">it-works holds.</a>' in page
    assert page.count('class="glance"') == 1
    assert '<span class="pre">3</span>' not in page
    assert "Show the setup" in page
    for part in (
        "it-works holds.",
        "+50.0 points (+50.0 to +50.0)",
        "chapters/good.html#claim-it-works",
        "A book &amp; its author",
        'href="_static/ledger.csv"',
    ):
        assert part in ledger
    (row,) = csv.DictReader((html / "_static" / "ledger.csv").open())
    assert (row["id"], float(row["effect"]), row["unit"]) == ("it-works", 0.5, "difference")
    assert "github.com/OWNER" not in page
    assert "colab.research" not in page

    stamp = (html / "index.html").stat().st_mtime_ns
    result = recipes_command("build")
    assert (result.exit_code, "Unchanged" in result.output) == (0, True)
    assert (html / "index.html").stat().st_mtime_ns == stamp

    (book / "intro.md").write_text("# Welcome\n\n[lost](nowhere.md)\n")
    assert recipes_command("build").exit_code == 1
    assert "nowhere.md" in capfd.readouterr().err
    assert (html / "index.html").stat().st_mtime_ns == stamp

    (book / "intro.md").write_text("# Welcome\n")
    monkeypatch.setenv("GITHUB_REPOSITORY", "somebody/book")
    assert recipes_command("build").exit_code == 0
    page = (html / "chapters/good.html").read_text()
    address = "github.com/somebody/book"
    assert f"https://colab.research.google.com/{address[:6]}" in page
    assert f"{address.replace('.com', '')}/blob/launch/chapters/good.ipynb" in page
    notebook = (html / "_sources" / "chapters" / "good.ipynb").read_text()
    assert rf"\"RECIPES_SOURCE\", \"git+https://{address}\"" in notebook
    assert [path.name for path in (book / "_build").glob("book-*")] == []


def test_a_page_begins_with_the_answer_and_folds_the_laboratory(book: Path) -> None:
    edit(book / "chapters" / "good.ipynb", "Try it.", "Try it twice.")
    cells = compose(page_of(book), "a net that trains").cells
    assert "Try it twice." in cells[0].source
    glance = cells[1].source
    assert glance.startswith("## At a glance")
    assert '<a href="#claim-it-works">' in glance
    assert re.search(
        r"1 minute to read\. Presumes a net that trains\. Ran on 20..-..-.. on A processor, "
        r"1 thread with torch 2\.0, in \d+ s, with seed = 3\.",
        glance,
    )
    folded = {cell.source for cell in cells if "hide-input" in cell.metadata.get("tags", [])}
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert folded == {source for source in code if "summary" not in source}
    (gone,) = [cell.source for cell in cells if "remove-cell" in cell.metadata.get("tags", [])]
    assert gone == "study.summary()"


def test_two_builds_at_once_share_no_stage(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one comes to nothing before the first is through."""
    monkeypatch.setattr("recipes_lib.book.build._draw", lambda *_: pytest.fail("it did not wait"))
    monkeypatch.setattr("recipes_lib.book.build.FileLock", lambda path: FileLock(path, timeout=0.1))
    with FileLock(book / "_build" / "build.lock"), pytest.raises(Timeout):
        build(Book(book), book / "_build" / "executed")


def test_code_under_solution_stays_open(book: Path) -> None:
    notebook = good_recipe()
    place = [cell.source.startswith("## Solution") for cell in notebook.cells].index(True)
    notebook.cells.insert(place + 1, v4.new_code_cell("shown = 1"))
    done = Executed(Book(book).recipes[0], notebook, {})
    (cell,) = [cell for cell in compose(done, "").cells if cell.source == "shown = 1"]
    assert "tags" not in cell.metadata


def test_a_failed_recipe_keeps_its_last_good_outputs_and_says_so(book: Path) -> None:
    assert "danger" not in text_of(page_of(book))
    fail(book, error="ValueError: no `room`")
    done = page_of(book)
    assert (done.status, len(done.claims)) == ("failed", 1)
    text = text_of(done)
    assert "This recipe failed on 2026-11-25 at 04:30 UTC" in text
    assert "`ValueError: no 'room'`" in text
    assert "```text\nline\n```" in text
    assert re.search(r"those of the last good run, made on 20..-..-..\.", text)


def test_a_failed_recipe_without_a_good_run_shows_what_is_stored_with_it(book: Path) -> None:
    fail(book, error="ValueError: x")
    executed_in(book).unlink()
    assert "There are no outputs yet." in text_of(page_of(book))
    stored = good_recipe()
    stored.cells[1].outputs = [v4.new_output("stream", text="1")]
    nbformat.write(stored, book / "chapters" / "good.ipynb")
    assert "are those stored with the chapter." in text_of(page_of(book))


def test_the_book_is_built_with_a_recipe_that_failed(
    make_book: Make, recipes_command: Invoke, capfd: pytest.CaptureFixture[str]
) -> None:
    notebook = good_recipe()
    notebook.cells[2].source += "\n\nraise ValueError('```{no} *such* thing')"
    root = make_book(good=notebook)
    assert recipes_command("run").exit_code == 1
    assert recipes_command("build").exit_code == 0, capfd.readouterr()
    page = (root / "_build" / "html" / "chapters" / "good.html").read_text()
    assert "This recipe failed on" in page
    assert "such* thing" in page
    assert "There are no outputs yet." in page


def with_other_code(path: Path) -> None:
    edit(path, json.loads(path.read_text())["metadata"]["recipes"]["source"], "0" * 64)


def without_a_run(path: Path) -> None:
    notebook = nbformat.read(path, 4)
    del notebook.metadata["recipes"]
    nbformat.write(notebook, path)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (Path.unlink, "It has not been run here."),
        (without_a_run, "It has not been run here."),
        (lambda path: path.write_text("{"), "is no notebook"),
        (with_other_code, "Its code has changed since it was run."),
    ],
)
def test_a_recipe_that_was_not_run_as_it_stands_has_a_banner(
    book: Path, spoil: Callable[[Path], Any], said: str
) -> None:
    shutil.copy(executed_in(book), book / "chapters" / "good.ipynb")
    spoil(executed_in(book))
    done = page_of(book)
    assert (done.status, len(done.claims)) == ("not run", 1)
    assert said in text_of(done)
    assert f"those stored with the chapter, made on {done.day}." in text_of(done)


def test_failures_of_chapters_run_in_place_are_found(book: Path) -> None:
    shutil.copy(executed_in(book), book / "chapters" / "good.ipynb")
    fail(book, error="ValueError: x")
    assert page_of(book, "chapters").failure is None
    failed = book / "_build" / "chapters" / "failed"
    shutil.copytree(executed_in(book).parent / "failed", failed)
    assert page_of(book, "chapters").status == "failed"


def test_a_sentence_answers_on_the_landing_page(book: Path) -> None:
    done = page_of(book)
    assert short_answer(done) == "It does."
    said = "**Take** `AdamW`, e.g. at [0.001](x.md) {cite}`a,b`: it is best. Then stop."
    done.notebook.cells[0].source = f"# T\n\n**Short answer.** {said}\n\nMore."
    assert short_answer(done) == "Take AdamW, e.g. at 0.001 : it is best."
    done.notebook.cells[0].source = "# T"
    assert short_answer(done) == ""


def test_the_landing_page_and_the_list_of_runs_show_what_became_of_each_recipe(
    book: Path, recipes_command: Invoke, capfd: pytest.CaptureFixture[str]
) -> None:
    fail(book, error="ValueError: x")
    (book / "intro.md").write_text(
        "# Welcome\n\n<!-- gallery -->\n\n<!-- runs -->\n\n<!-- else -->\n"
    )
    assert recipes_command("build").exit_code == 0, capfd.readouterr()
    page = (book / "_build" / "html" / "intro.html").read_text()
    assert '<a href="chapters/good.html"><small>Train</small><strong>Does it work?</strong>' in page
    assert "<span>It does.</span>" in page
    assert 'role="img" aria-label="Cases: 1 supported"' in page
    assert re.search("1 min to read · <strong[^>]*>failed<", page)
    assert '<th scope="row"><a href="chapters/good.html">good</a></th><td>failed</td>' in page
    assert "<td>A processor, 1 thread</td><td>torch 2.0</td>" in page


def test_citations_lead_to_the_references(
    book: Path, recipes_command: Invoke, capfd: pytest.CaptureFixture[str]
) -> None:
    edit(book / "chapters" / "good.ipynb", "Try it.", "Try it {cite}`writer2024`.")
    entry = "author={Writer, A.}, title={T}, journal={J}, year={2024}"
    (book / "references.bib").write_text(f"@article{{writer2024, {entry}}}\n")
    (book / "references.md").write_text("# References\n\n```{bibliography}\n:all:\n```\n")
    extra = {"bibtex_bibfiles": ["references.bib"]}
    style = {"sphinx": {"config": {"bibtex_reference_style": "author_year"}}}
    config = yaml.safe_load((book / "_config.yml").read_text()) | extra | style
    (book / "_config.yml").write_text(yaml.safe_dump(config))
    edit(book / "_toc.yml", "- file: ledger", "- file: ledger\n      - file: references")
    assert recipes_command("build").exit_code == 0, capfd.readouterr()
    page = (book / "_build" / "html" / "chapters" / "good.html").read_text()
    link = re.search(r'href="\.\./references\.html#[\w-]+"[^>]*>([^<]*)<', page)
    assert link
    assert link[1] == "Writer, 2024"


def test_the_book_on_one_page_holds_all_of_it(
    book: Path, recipes_command: Invoke, capfd: pytest.CaptureFixture[str]
) -> None:
    (book / "intro.md").write_text("# Welcome\n\n<!-- gallery -->\n")
    assert recipes_command("build", "--print").exit_code == 0, capfd.readouterr()
    page = (book / "_build" / "print" / "intro.html").read_text()
    assert "Does it work?" in page
    assert 'href="#document-chapters/good"' in page
    assert 'id="document-chapters/good"' in page
    assert 'href="#claim-it-works" title="Does it work?"' in page
    assert not (book / "_build" / "html").exists()


def test_a_listed_page_that_is_missing_is_refused(book: Path, recipes_command: Invoke) -> None:
    (book / "intro.md").unlink()
    result = recipes_command("build")
    assert result.exit_code == 2
    assert "lists 'intro', but there is no such page" in result.stderr


def test_a_page_shows_the_measured_speed(
    book: Path,
    recipes_command: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (book / "intro.md").write_text("# Welcome\n\n<!-- speed -->\n")
    with monkeypatch.context() as undrawn:
        undrawn.setattr("recipes_lib.book.build._draw", lambda *_: False)
        recipes_command("build")
    assert "Nothing is measured yet" in (book / "_build" / "stage" / "intro.md").read_text()

    write(small_record(), book)
    assert recipes_command("build").exit_code == 0, capfd.readouterr()
    page = (book / "_build" / "html" / "intro.html").read_text()
    assert "2.00× the speed of the loop" in page
    assert "falls up to 2 nets" in page
    assert (book / "_build" / "html" / "_images" / "sweep.png").exists()

    (book / "benchmarks" / "results" / "speed.json").write_text("[]")
    result = recipes_command("build")
    assert (result.exit_code, "speed.json is no record of speed" in result.stderr) == (2, True)


def test_the_chapters_themselves_can_be_built(
    book: Path, recipes_command: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(executed_in(book), book / "chapters" / "good.ipynb")
    monkeypatch.setattr("recipes_lib.book.build._draw", lambda *_: False)
    assert recipes_command("build", "--executed", "chapters").exit_code == 1
    config = yaml.safe_load((book / "_build" / "stage" / "_config.yml").read_text())
    assert "launch_buttons" not in config
    assert config["html"] == {}


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("git@github.com:some-body/my.book.git", "https://github.com/some-body/my.book"),
        ("https://github.com/somebody/book", "https://github.com/somebody/book"),
        ("https://user:word@github.com/somebody/book.git/", "https://github.com/somebody/book"),
        ("https://example.org/somebody/book.git", None),
        (None, None),
    ],
)
def test_links_follow_the_git_remote(tmp_path: Path, remote: str | None, url: str | None) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    if remote:
        subprocess.run(["git", "-C", str(tmp_path), "remote", "add", "origin", remote], check=True)
    assert repository(tmp_path) == url


def test_the_ledger_says_all_of_a_case(book: Path, recipes_command: Invoke) -> None:
    (case,) = json.loads(recipes_command("ledger", "--json").stdout)
    assert (case["effect"], case["low"], case["high"], case["margin"]) == (0.5, 0.5, 0.5, 0.01)
    assert (case["verdict"], case["who"], case["needed"]) == (
        "supported",
        "A. Writer 2024",
        "above 1 point",
    )
    assert case["sources"] == ["A. Writer (2024), A book & its author"]
    assert case["checks"][0]["holds"] is True
    shown = recipes_command("ledger").output
    assert "it-works holds." in shown
    assert "+50.0 points" in shown


FULL = {'"device": "cpu"': '"device": "cuda"', '"scale": "quick"': '"scale": "full"'}


def as_if(book: Path, verdict: str, changes: dict[str, str]) -> None:
    """Have the executed recipe say that it ran elsewhere, to this verdict."""
    for old, new in {**changes, '"verdict": "supported"': f'"verdict": "{verdict}"'}.items():
        edit(executed_in(book), old, new)


def ledger_of(recipes_command: Invoke) -> Any:
    (row,) = json.loads(recipes_command("ledger", "--json").stdout)
    return row


def test_a_run_on_a_gpu_becomes_the_ledger_s_column(book: Path, recipes_command: Invoke) -> None:
    result = recipes_command("gpu-report")
    assert result.exit_code == 2
    assert "was measured on a GPU; run `recipes run` on one" in result.stderr
    assert "On GPU" not in to_html(rows(Book(book), executed_in(book).parent))
    on_cpu = executed_in(book).read_text()
    as_if(book, "undecided", FULL)
    assert recipes_command("gpu-report").exit_code == 0
    day = executed_in(book).read_text().partition('"finished": "')[2][:10]
    executed_in(book).write_text(on_cpu)
    row = ledger_of(recipes_command)
    assert (row["verdict"], row["verdict_on_cpu"]) == ("supported", None)
    assert (row["verdict_on_gpu"], row["where_on_gpu"]) == ("undecided", f"full scale, cuda, {day}")
    html = to_html(rows(Book(book), executed_in(book).parent))
    assert "On GPU" in html
    assert "On another CPU" not in html
    assert f"<td>Undecided<br><small>full scale, cuda, {day}</small></td>" in html
    assert f"full scale, cuda, {day}" in recipes_command("ledger", "--json").stdout


def test_a_report_of_another_registration_is_not_shown(book: Path, recipes_command: Invoke) -> None:
    on_cpu = executed_in(book).read_text()
    as_if(book, "undecided", FULL)
    assert recipes_command("gpu-report").exit_code == 0
    executed_in(book).write_text(on_cpu)
    edit(book / "claims.toml", "it-works holds.", "it-works holds, anew.")
    assert ledger_of(recipes_command)["verdict_on_gpu"] is None


def test_what_measures_the_processor_is_filed_there(book: Path, recipes_command: Invoke) -> None:
    on_cpu = executed_in(book).read_text()
    as_if(book, "undecided", {'"scale": "quick"': '"scale": "full"'})
    assert recipes_command("gpu-report").exit_code == 2
    notebook = json.loads(executed_in(book).read_text())
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    (records,) = [out["metadata"]["claim"] for out in outputs if "claim" in out["metadata"]]
    stamp = records[0]["versions"] | {"device": "NVIDIA H100"}
    records.append(records[0] | {"device": "cuda", "versions": stamp})
    executed_in(book).write_text(json.dumps(notebook))
    assert recipes_command("gpu-report").exit_code == 0
    executed_in(book).write_text(on_cpu)
    row = ledger_of(recipes_command)
    assert row["where_on_cpu"].startswith("full scale, A processor, 1 thread, 20")
    assert row["where_on_gpu"].startswith("full scale, NVIDIA H100, 20")
    html = to_html(rows(Book(book), executed_in(book).parent))
    assert html.index("On GPU") < html.index("On another CPU")


def test_reports_are_added_to_and_the_full_scale_is_what_the_ledger_shows(
    book: Path, recipes_command: Invoke
) -> None:
    def told() -> tuple[int, Any, Any]:
        file = json.loads((book / "benchmarks" / "results" / "gpu.json").read_text())
        row = ledger_of(recipes_command)
        return len(file["recipes"]), row["verdict_on_gpu"], row["where_on_gpu"][:11]

    on_cpu = executed_in(book).read_text()
    for verdict, changes, expected in (
        ("undecided", FULL, (1, "undecided", "full scale,")),
        ("contradicted", {'"device": "cpu"': '"device": "cuda"'}, (2, "undecided", "full scale,")),
        ("contradicted", FULL, (2, "contradicted", "full scale,")),
    ):
        executed_in(book).write_text(on_cpu)
        as_if(book, verdict, changes)
        assert recipes_command("gpu-report").exit_code == 0
        executed_in(book).write_text(on_cpu)
        assert told() == expected


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({'"scale": "quick"': '"scale": "full"'}, "full scale, A processor, 1 thread, 20"),
        ({'"device": "cpu"': '"device": "cuda"'}, "quick scale, cuda, 20"),
        ({'"seed": 0': '"seed": 7'}, "quick scale, A processor, 1 thread, 20"),
    ],
)
def test_the_ledger_never_passes_another_setting_off_as_the_book_s(
    book: Path, recipes_command: Invoke, changes: dict[str, str], said: str
) -> None:
    own = {'"seed": 3': '"seed": 0'}  # as the fixture ran it, and as the book does
    as_if(book, "supported", own | changes)
    row = ledger_of(recipes_command)
    assert row["where"].startswith(said)
    assert bool(row["where"]) == bool(said)
    assert row["where"].endswith("with seed = 7") == ("seed" in str(changes))
    html = to_html(rows(Book(book), executed_in(book).parent))
    assert (f"Supported</strong><br><small>{row['where']}</small>" in html) == bool(said)
    shown = " ".join(recipes_command("ledger").output.split())
    assert ("scale" in shown) == bool(said)


@pytest.mark.parametrize("text", ["{", "{}", '{"recipes": [{"claims": [{"id": "it-works"}]}]}'])
def test_a_gpu_report_that_is_none_is_named(book: Path, recipes_command: Invoke, text: str) -> None:
    path = book / "benchmarks" / "results" / "gpu.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    result = recipes_command("ledger")
    assert (result.exit_code, "gpu.json is no report of a GPU" in result.stderr) == (2, True)


def test_a_claim_that_was_not_run_yet_has_a_row(book: Path) -> None:
    (book / "claims.toml").write_text(CLAIMS + UNREGISTERED)
    found = rows(Book(book), executed_in(book).parent)
    assert [(row.id, len(row.records)) for row in found] == [("it-works", 1), ("never-tried", 2)]
    html = to_html(found)
    assert html.count("<tbody data-recipe") == 2
    assert ">Not run yet</strong>" in html
    assert "2 cases" in html


def test_a_statement_cannot_break_the_page(book: Path) -> None:
    (book / "claims.toml").write_text(CLAIMS + UNREGISTERED)
    html = to_html(rows(Book(book), executed_in(book).parent))
    assert "x &lt; y &amp; &lt;script&gt;" in html
    assert "\n\n" not in html
    assert not any(raw in html for raw in ("<script>", "<b>"))


def test_a_book_without_any_claim_has_a_ledger_that_says_so(book: Path) -> None:
    (book / "claims.toml").unlink()
    executed_in(book).unlink()
    assert to_html(gather(Book(book), [page_of(book)])) == "*No claim is registered yet.*"
