import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Invoke, good_recipe
from nbformat import v4
from PIL import Image
from test_benchmarks import small_record

from benchmarks.__main__ import write
from recipes_lib.book.build import repository

Make = Callable[..., Path]
FIGURE = "%matplotlib inline\nimport matplotlib.pyplot as plt\n\n_ = plt.plot([1, 2])"


@pytest.fixture(autouse=True)
def no_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)


@pytest.fixture
def book(make_book: Make, recipes_command: Invoke) -> Path:
    root = make_book(good=good_recipe())
    assert recipes_command("run", "--seed", "3").exit_code == 0
    return root


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
    assert 'class="measured"' in page
    assert '<span class="pre">3</span>' in page
    assert "# Parameters" not in page
    assert "hide-input" in page or "Show code cell source" in page
    for part in (
        "it-works holds.",
        "+0.500 (+0.500 to +0.500)",
        "chapters/good.html#verdict",
        "A book &amp; its author",
    ):
        assert part in ledger
    assert 'id="verdict"' in page
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
    assert (
        "https://colab.research.google.com/github/somebody/book/blob/launch/chapters/good.ipynb"
        in page
    )
    notebook = (html / "_sources" / "chapters" / "good.ipynb").read_text()
    assert r"\"RECIPES_SOURCE\", \"git+https://github.com/somebody/book\"" in notebook
    assert [path.name for path in (book / "_build").glob("book-*")] == []


def test_the_page_has_the_chapters_prose_and_the_executions_outputs(
    book: Path, recipes_command: Invoke
) -> None:
    chapter = book / "chapters" / "good.ipynb"
    chapter.write_text(chapter.read_text().replace("Try it.", "Try it twice."))
    assert recipes_command("build").exit_code == 0
    page = json.loads((book / "_build" / "stage" / "chapters" / "good.ipynb").read_text())
    assert "Try it twice." in "".join(page["cells"][0]["source"])
    assert page["cells"][3]["metadata"]["tags"] == ["setup", "hide-input"]
    line = "".join(page["cells"][1]["source"])
    assert re.fullmatch(
        r"\*Ran on 20..-..-.. on A processor, 1 thread with torch 2.0, in \d+ s, with `seed = 3`\.\*",
        line,
    )
    assert sum(bool(cell.get("outputs")) for cell in page["cells"]) == 1


def test_the_gallery_and_the_list_of_runs_show_what_became_of_each_recipe(
    make_book: Make, recipes_command: Invoke, capfd: pytest.CaptureFixture[str]
) -> None:
    notebook = good_recipe()
    place = next(
        index for index, cell in enumerate(notebook.cells) if cell.source.startswith("## Measured")
    )
    alt = {"mystnb": {"image": {"alt": "A line that\n rises."}}}
    notebook.cells.insert(place + 1, v4.new_code_cell(FIGURE, metadata=alt))
    root = make_book(good=notebook)
    (root / "intro.md").write_text(
        "# Welcome\n\n## Recipes\n\n<!-- gallery -->\n\n<!-- runs -->\n\n<!-- else -->\n"
    )
    assert recipes_command("run").exit_code == 0
    assert recipes_command("build").exit_code == 0, capfd.readouterr()
    page = (root / "_build" / "html" / "intro.html").read_text()
    assert 'alt="A line that rises."' in page
    assert re.search(r"1 supported · \d+ s", page)
    assert '<td><a href="chapters/good.html">good</a></td>' in page
    assert "<td>A processor, 1 thread</td><td>torch 2.0</td>" in page
    assert Image.open(root / "_build" / "html" / "_images" / "good.png").size == (640, 360)


def test_the_book_on_one_page_holds_all_of_it(
    book: Path, recipes_command: Invoke, capfd: pytest.CaptureFixture[str]
) -> None:
    assert recipes_command("build", "--print").exit_code == 0, capfd.readouterr()
    page = (book / "_build" / "print" / "intro.html").read_text()
    assert "Does it work?" in page
    assert 'href="#document-chapters/good"' in page
    assert 'id="document-chapters/good"' in page
    assert not (book / "_build" / "html").exists()


def test_a_recipe_that_changed_since_is_refused(book: Path, recipes_command: Invoke) -> None:
    chapter = book / "chapters" / "good.ipynb"
    chapter.write_text(chapter.read_text().replace('\\"it-works\\", 0.5', '\\"it-works\\", 0.6'))
    result = recipes_command("build")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "recipe 'good' changed since it was executed; run `recipes run good`" in result.stderr
    assert not (book / "_build" / "html").exists()


def test_a_listed_page_that_is_missing_is_refused(book: Path, recipes_command: Invoke) -> None:
    (book / "intro.md").unlink()
    result = recipes_command("build")
    assert (result.exit_code, "lists 'intro', but there is no such page" in result.stderr) == (
        2,
        True,
    )


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
    make_book: Make, recipes_command: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_book(good=good_recipe())
    assert recipes_command("run", "--out", "chapters").exit_code == 0
    monkeypatch.setattr("recipes_lib.book.build._draw", lambda *_: False)
    assert recipes_command("build", "--executed", "chapters").exit_code == 1
    config = yaml.safe_load((root / "_build" / "stage" / "_config.yml").read_text())
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


def gpu_report(book: Path, text: str) -> None:
    path = book / "benchmarks" / "results" / "gpu.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_the_ledger_puts_verdicts_of_processor_and_gpu_side_by_side(
    book: Path, recipes_command: Invoke
) -> None:
    def verdicts() -> tuple[Any, Any]:
        (row,) = json.loads(recipes_command("ledger", "--json").stdout)
        return row["cpu"], row["gpu"]

    assert verdicts() == ("supported", None)
    claims = [
        {"id": "it-works", "case": "", "verdict": "undecided"},
        {"id": "else", "verdict": "supported"},
    ]
    gpu_report(book, json.dumps({"recipes": [{"claims": claims}]}))
    assert verdicts() == ("supported", "undecided")
    assert "it-works holds." in recipes_command("ledger").output
    executed = book / "_build" / "executed" / "good.ipynb"
    executed.write_text(executed.read_text().replace('"device": "cpu"', '"device": "cuda"'))
    assert verdicts() == (None, "supported")


def test_a_run_on_a_gpu_becomes_the_ledger_s_column(book: Path, recipes_command: Invoke) -> None:
    result = recipes_command("gpu-report")
    assert (result.exit_code, "good.ipynb was executed on a processor" in result.stderr) == (
        2,
        True,
    )
    executed = book / "_build" / "executed" / "good.ipynb"
    on_cpu = executed.read_text()
    executed.write_text(
        on_cpu.replace('"device": "cpu"', '"device": "cuda"').replace("supported", "undecided")
    )
    assert recipes_command("gpu-report").exit_code == 0
    executed.write_text(on_cpu)
    (row,) = json.loads(recipes_command("ledger", "--json").stdout)
    assert (row["cpu"], row["gpu"]) == ("supported", "undecided")
    executed.unlink()
    result = recipes_command("gpu-report")
    assert (
        result.exit_code,
        "has a claim; run `recipes run --device cuda` first" in result.stderr,
    ) == (2, True)


def test_a_gpu_report_that_is_none_is_named(book: Path, recipes_command: Invoke) -> None:
    gpu_report(book, "{}")
    result = recipes_command("ledger")
    assert (result.exit_code, "gpu.json is no report of a GPU" in result.stderr) == (2, True)


def test_a_statement_cannot_break_the_page(make_book: Make, recipes_command: Invoke) -> None:
    from recipes_lib.book.ledger import Row, to_html

    record = {
        "id": "a",
        "case": "<b>",
        "source": "S1",
        "statement": "x < y & <script>\n\nz",
        "device": "cpu",
    }
    record |= {
        "verdict": "supported",
        "effect": 1.5,
        "interval": [1.25, 2.0],
        "unit": "ratio",
        "n": 8,
    }  # type: ignore[dict-item]
    html = to_html([Row("r", "A <i>title</i>", record, "supported", None)], {})
    assert "\n\n" not in html
    assert "1.500× (1.250× to 2.000×)" in html
    assert not any(raw in html for raw in ("<b>", "<script>", "<i>"))
