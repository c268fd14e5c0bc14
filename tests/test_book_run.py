import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import standin
from conftest import Invoke, good_recipe, recipe
from nbformat import v4
from PIL import Image

from recipes_lib.book import run
from recipes_lib.book.errors import BookError
from recipes_lib.book.files import write_whole
from recipes_lib.book.notebook import read_notebook
from recipes_lib.book.project import Book
from recipes_lib.evidence.registry import registered

Make = Callable[..., Path]

MEET = """\
import time
from pathlib import Path

Path(f"{folder}/{me}").touch()
while not Path(f"{folder}/{other}").exists():
    time.sleep(0.05)"""

NO_METADATA = (
    '{"nbformat": 4, "nbformat_minor": 5, "metadata": {},'
    ' "cells": [{"cell_type": "raw", "source": ""}]}'
)
SLEEP = """\
import os, time
from pathlib import Path

Path({beacon!r}).write_text(str(os.getpid()))
time.sleep(600)"""
DIES = """\
import os
from pathlib import Path

if Path({switch!r}).exists():
    os.kill(os.getpid(), 9)"""


def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return found


def statuses(folder: Path) -> dict[str, str]:
    return {row["name"]: row["status"] for row in report(folder)["recipes"]}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.timeout(60)
def test_recipes_run_at_once_with_the_given_threads_and_parameters(
    make_book: Make, recipes_command: Invoke, tmp_path: Path
) -> None:
    meet = [
        f'folder, me, other = "{tmp_path}", "{me}", "{other}"\n{MEET}' for me, other in ("ab", "ba")
    ]
    show = (
        'import os\nprint(seed, rate, os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"])'
    )
    root = make_book(first=recipe(meet[0], show), second=recipe(meet[1]))
    # Each waits for the other: one after the other they would never end.
    result = recipes_command("run", "-p", "rate", "2", "--seed", "7", "--jobs", "2")
    assert result.exit_code == 0, result.output
    executed = root / "_build" / "executed"
    assert statuses(executed) == {"first": "passed", "second": "passed"}
    done = json.loads((executed / "first.ipynb").read_text())
    printed = done["cells"][-1]["outputs"][0]["text"][0].split()
    assert printed[:2] == ["7", "2.0"]
    assert printed[2] == printed[3] == str(max(1, run_cores() // 2))
    assert (
        done["metadata"]["recipes"]["parameters"] | {"seed": 7, "rate": 2.0}
        == done["metadata"]["recipes"]["parameters"]
    )
    assert report(executed)["parameters"] == {"rate": 2.0, "seed": 7}


def run_cores() -> int:
    from joblib import cpu_count

    return int(cpu_count())


def test_the_longest_runs_first_and_the_unknown_before_it(
    make_book: Make, recipes_command: Invoke
) -> None:
    notebooks = {name: recipe(f'print("{name}")') for name in ("quick", "slow", "unknown")}
    for name, seconds in (("quick", 1), ("slow", 50)):
        notebooks[name].metadata["recipes"] = {"seconds": seconds}
    make_book(**notebooks)
    lines = recipes_command("run", "--jobs", "1").output.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["unknown", "slow", "quick"]


def test_the_unchanged_is_left_alone_until_anything_it_depends_on_changes(
    make_book: Make, recipes_command: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_book(good=good_recipe())
    executed = root / "_build" / "executed"

    def status(*words: str) -> str:
        assert recipes_command("run", *words).exit_code == 0
        return statuses(executed)["good"]

    assert status() == "passed"
    before = (executed / "good.ipynb").read_bytes()
    assert status() == "unchanged"
    assert (executed / "good.ipynb").read_bytes() == before
    assert report(executed)["recipes"][0]["claims"][0]["verdict"] == "supported"
    assert status("--force") == "passed"
    chapter = root / "chapters" / "good.ipynb"
    chapter.write_text(chapter.read_text().replace("# Does it work?", "# Does it work now?"))
    assert status() == "passed"
    assert status("--seed", "1") == "passed"
    assert status("--seed", "1") == "unchanged"
    rows = root / "claims.toml"
    rows.write_text(f"# A comment.\n{rows.read_text()}\n[recipe.other]\ndataset = 'digits'\n")
    assert status("--seed", "1") == "unchanged"
    rows.write_text(rows.read_text().replace("a net that trains", "two nets"))
    assert status("--seed", "1") == "passed"
    rows.write_text(rows.read_text().replace("A. Writer", "Another"))
    assert status("--seed", "1") == "passed"


def test_a_failing_recipe_is_reported_and_the_others_finish(
    make_book: Make, recipes_command: Invoke
) -> None:
    root = make_book(bad=recipe('raise ValueError("too [bold]bad")'), fine=recipe("print(1)"))
    executed = root / "_build" / "executed"
    result = recipes_command("run")
    assert result.exit_code == 1
    assert "ValueError: too [bold]bad" in result.output
    assert statuses(executed) == {"bad": "failed", "fine": "passed"}
    assert names(executed) == ["failed", "fine.ipynb", "report.json"]
    failed = json.loads((executed / "failed" / "bad.ipynb").read_text())["metadata"]["recipes"]
    assert (failed["error"], failed["parameters"]["seed"]) == ("ValueError: too [bold]bad", 0)
    assert failed["finished"] > "2026"
    assert "fingerprint" not in failed
    chapter = root / "chapters" / "bad.ipynb"
    chapter.write_text(chapter.read_text().replace("raise ValueError", "print"))
    assert recipes_command("run").exit_code == 0
    assert names(executed / "failed") == []


def test_a_failure_leaves_the_last_good_notebook_and_goes_when_it_is_taken_back(
    make_book: Make, recipes_command: Invoke
) -> None:
    root = make_book(one=recipe("print(1)"))
    executed, chapter = root / "_build" / "executed", root / "chapters" / "one.ipynb"
    assert recipes_command("run").exit_code == 0
    good, text = (executed / "one.ipynb").read_bytes(), chapter.read_text()
    chapter.write_text(text.replace("print(1)", "print(1"))
    assert recipes_command("run").exit_code == 1
    assert (executed / "one.ipynb").read_bytes() == good
    assert names(executed / "failed") == ["one.ipynb"]
    chapter.write_text(text)
    assert recipes_command("run").exit_code == 0
    assert (statuses(executed), names(executed / "failed")) == ({"one": "unchanged"}, [])


def test_what_could_not_even_begin_is_kept_without_outputs(
    make_book: Make, recipes_command: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = recipe("print(1)")
    notebook.cells[-1].outputs = [v4.new_output("stream", text="old")]
    root = make_book(one=notebook)
    monkeypatch.setattr(run.Execution, "notebook", lambda _: None)
    assert recipes_command("run").exit_code == 0
    monkeypatch.setattr(run.Execution, "poll", lambda _: False)
    assert recipes_command("run", "--force").exit_code == 1
    failed = read_notebook(root / "_build" / "executed" / "failed" / "one.ipynb")
    assert failed.metadata.recipes["error"].startswith("papermill ended with code")
    assert failed.cells[-1].outputs == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "god"], "recipe 'god' is not in * did you mean 'good'?"),
        (["run", "-p", "sed", "1"], "recipe 'good' has no parameter 'sed'; did you mean 'seed'?"),
        (["run", "-p", "seed", "abc"], "parameter 'seed' of 'good' takes int, not 'abc'"),
        (["run", "-p", "seed", "1.5"], "parameter 'seed' of 'good' takes int, not '1.5'"),
        (["run", "-p", "flag", "maybe"], "parameter 'flag' of 'good' takes bool"),
        (["run", "-p", "rate", "fast"], "parameter 'rate' of 'good' takes float"),
        (["run", "-p", "seed"], "-p needs a name and a value"),
        (["run", "--scale", "quik"], "scale 'quik' is unknown; did you mean 'quick'?"),
        (["run", "--device", "tpu9"], "device 'tpu9' is not"),
        (["run", "-p", "dataset", "no/such/folder"], "data folder no/such/folder does not exist"),
        (
            ["run", "-p", "dataset", "digitz"],
            "data set 'digitz' is unknown; did you mean 'digits'?",
        ),
        (["run", "--out", "chapters", "--seed", "1"], "must not replace a chapter; drop seed"),
        (["run", "--out", "intro.md/x"], "cannot write *intro.md/x (Not a directory)"),
        (["check", "god"], "recipe 'god' is not in"),
        (["ledger"], "no executed recipe in"),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing(
    make_book: Make, recipes_command: Invoke, words: list[str], said: str
) -> None:
    root = make_book(good=good_recipe())
    before = names(root)
    result = recipes_command(*words)
    assert result.exit_code == 2
    assert all(part in result.stderr for part in said.split("*")), result.stderr
    assert result.stderr.count("\n") == 1
    assert names(root) == before


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"nbformat": 3, "worksheets": [], "cells": []}', NO_METADATA]
)
def test_a_notebook_that_is_none_is_named(
    make_book: Make, recipes_command: Invoke, text: str
) -> None:
    root = make_book(good=good_recipe())
    (root / "chapters" / "good.ipynb").write_text(text)
    result = recipes_command("run")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"{root / 'chapters' / 'good.ipynb'} is no notebook" in result.stderr
    assert not (root / "_build").exists()


def test_outside_a_book_the_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipes_command: Invoke
) -> None:
    monkeypatch.chdir(tmp_path)
    result = recipes_command("list")
    assert (result.exit_code, "not inside a book" in result.stderr) == (2, True)


def test_a_folder_of_ones_own_is_found_from_the_kernel_and_its_change_seen(
    make_book: Make, recipes_command: Invoke
) -> None:
    root = make_book(own=recipe("import os\nprint(sorted(os.listdir(dataset)))"))
    executed = root / "_build" / "executed"
    for number in range(10):
        picture = root / "pictures" / "ab"[number % 2] / f"{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(picture)
    for status in ("passed", "unchanged"):
        assert recipes_command("run", "-p", "dataset", "pictures").exit_code == 0
        assert statuses(executed) == {"own": status}
    assert "['a', 'b']" in (executed / "own.ipynb").read_text()
    os.utime(root / "pictures" / "a" / "0.png", ns=(1, 1))
    recipes_command("run", "-p", "dataset", "pictures")
    assert statuses(executed) == {"own": "passed"}


def test_with_strict_a_verdict_that_differs_is_an_error(
    make_book: Make, recipes_command: Invoke
) -> None:
    root = make_book(good=good_recipe())
    assert recipes_command("run", "--out", "chapters").exit_code == 0
    chapter = root / "chapters" / "good.ipynb"
    text = chapter.read_text()
    # What holds instead may change: the verdict is what the book says.
    chapter.write_text(text.replace('"instead": ""', '"instead": "no gain"'))
    assert recipes_command("run", "--strict").exit_code == 0
    chapter.write_text(text.replace('"verdict": "supported"', '"verdict": "undecided"'))
    assert recipes_command("run", "--force").exit_code == 0
    assert report(root / "_build" / "executed")["recipes"][0]["differing"] == [
        "it-works: supported, not undecided"
    ]
    result = recipes_command("run", "--strict")
    assert (result.exit_code, statuses(root / "_build" / "executed")) == (1, {"good": "unchanged"})
    assert "good: it-works: supported, not undecided" in result.output


def test_in_place_a_chapter_is_refreshed_cleanly(make_book: Make, recipes_command: Invoke) -> None:
    root = make_book(good=good_recipe())
    chapter = root / "chapters" / "good.ipynb"
    assert recipes_command("run", "--out", "chapters").exit_code == 0
    assert names(root / "chapters") == ["good.ipynb"]
    text = chapter.read_text()
    assert text.startswith('{\n "cells"')
    assert text.endswith("}\n")
    assert "papermill" not in text
    notebook = json.loads(text)
    assert set(notebook["metadata"]) == {"kernelspec", "language_info", "recipes"}
    assert [cell["metadata"] for cell in notebook["cells"][:3]] == [
        {},
        {"tags": ["parameters"]},
        {"tags": ["setup"]},
    ]
    assert recipes_command("run", "--out", "chapters").exit_code == 0
    assert chapter.read_text() == text


def test_a_chapter_that_is_edited_while_it_runs_keeps_the_edit(
    make_book: Make, recipes_command: Invoke
) -> None:
    root = make_book(good=recipe("pass"))
    chapter = root / "chapters" / "good.ipynb"
    edit = (
        f'from pathlib import Path\nwith Path("{chapter}").open("a") as file:\n    file.write(" ")'
    )
    notebook = json.loads(chapter.read_text())
    notebook["cells"][-1]["source"] = edit
    chapter.write_text(json.dumps(notebook))
    result = recipes_command("run", "--out", "chapters")
    assert (result.exit_code, "edited while it ran" in result.output) == (1, True)
    assert chapter.read_text() == json.dumps(notebook) + " "


def test_a_kernel_killed_in_mid_recipe_is_named_and_the_next_run_does_only_what_is_missing(
    make_book: Make, recipes_command: Invoke, tmp_path: Path
) -> None:
    switch = tmp_path / "switch"
    switch.touch()
    dies = DIES.format(switch=str(switch))
    root = make_book(dies=recipe("print(1)", dies), fine=recipe("print(2)"))
    executed = root / "_build" / "executed"
    result = recipes_command("run")
    assert result.exit_code == 1
    assert "Kernel died" in result.output
    assert statuses(executed) == {"dies": "failed", "fine": "passed"}
    assert names(executed) == ["failed", "fine.ipynb", "report.json"]
    switch.unlink()
    assert recipes_command("run").exit_code == 0
    assert statuses(executed) == {"dies": "passed", "fine": "unchanged"}
    assert names(executed / "failed") == []


@pytest.mark.timeout(60)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_kills_kernels_and_leaves_finished_outputs_whole(
    make_book: Make, tmp_path: Path, number: signal.Signals
) -> None:
    beacon = tmp_path / "kernel"
    sleep = SLEEP.format(beacon=str(beacon))
    root = make_book(quick=recipe("print(1)"), sleepy=recipe(sleep))
    executed = root / "_build" / "executed"
    command = [
        sys.executable,
        "-c",
        "from recipes_lib.book.cli import app; app()",
        "run",
        "--jobs",
        "2",
    ]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = os.environ | {"TMPDIR": str(scratch)}
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, env=environment)
    while not ((executed / "quick.ipynb").exists() and beacon.exists() and beacon.read_text()):
        assert process.poll() is None
        time.sleep(0.05)
    kernel = psutil.Process(int(beacon.read_text()))
    family = [kernel, *kernel.parents()[:1], *psutil.Process(process.pid).children(recursive=True)]
    process.send_signal(number)
    assert process.wait(20) == 130
    assert list(scratch.glob("recipes-*")) == []
    assert [
        member
        for member in family
        if member.is_running() and member.status() != psutil.STATUS_ZOMBIE
    ] == []
    assert statuses(executed) == {"quick": "passed", "sleepy": "interrupted"}
    assert names(executed) == ["quick.ipynb", "report.json"]
    assert json.loads((executed / "quick.ipynb").read_text())["cells"][-1]["outputs"][0][
        "text"
    ] == ["1\n"]


COMMAND = [sys.executable, "-c", "from recipes_lib.book.cli import app; app()"]


@pytest.fixture
def sleepy_run(make_book: Make, tmp_path: Path) -> Iterator[tuple[Path, Any, psutil.Process]]:
    """The folder for temporary files of `recipes run`, the command and its kernel, both at work.

    The kernel has a temporary folder of its own, and a child that left its group of processes.
    """
    beacon, scratch = tmp_path / "kernel", tmp_path / "scratch"
    scratch.mkdir()
    leave = "import subprocess, sys, tempfile\ntempfile.mkdtemp()\n"
    leave += 'subprocess.Popen(["sleep", "600"], start_new_session=True)\n'
    root = make_book(sleepy=recipe(leave + SLEEP.format(beacon=str(beacon))))
    environment = os.environ | {"TMPDIR": str(scratch)}
    run = subprocess.Popen([*COMMAND, "run"], cwd=root, env=environment, stdout=subprocess.DEVNULL)
    while not (beacon.exists() and beacon.read_text()):
        assert run.poll() is None
        time.sleep(0.05)
    yield scratch, run, psutil.Process(int(beacon.read_text()))
    run.kill()
    run.wait()


def gone(members: list[psutil.Process], scratch: Path) -> None:
    """Wait until processes and temporary files are gone."""
    assert psutil.wait_procs(members, timeout=10)[1] == []
    deadline = time.monotonic() + 10
    while names(scratch) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert names(scratch) == []


@pytest.mark.timeout(60)
def test_a_killed_run_leaves_neither_processes_nor_folders(
    sleepy_run: tuple[Path, Any, psutil.Process],
) -> None:
    scratch, run, kernel = sleepy_run
    family = [kernel, *kernel.children(), *psutil.Process(run.pid).children(recursive=True)]
    assert len(names(scratch)) == 1
    run.kill()
    run.wait()
    gone(list(set(family)), scratch)


@pytest.mark.timeout(60)
def test_a_killed_papermill_is_named_and_leaves_nothing(
    sleepy_run: tuple[Path, Any, psutil.Process],
) -> None:
    scratch, run, kernel = sleepy_run
    papermill = kernel.parent()
    family = [kernel, *kernel.children()]
    papermill.kill()
    assert run.wait(20) == 1
    gone(family, scratch)
    (row,) = report(scratch.parent / "book" / "_build" / "executed")["recipes"]
    assert (row["status"], "too little memory" in row["error"]) == ("failed", True)


@pytest.mark.timeout(60)
def test_however_often_it_is_stopped_a_run_writes_its_report(
    sleepy_run: tuple[Path, Any, psutil.Process],
) -> None:
    scratch, run, kernel = sleepy_run
    while run.poll() is None:
        run.send_signal(signal.SIGINT)
        time.sleep(0.001)
    assert statuses(scratch.parent / "book" / "_build" / "executed") == {"sleepy": "interrupted"}
    gone([kernel], scratch)


def test_two_runs_at_once_do_not_harm_each_other(make_book: Make) -> None:
    root = make_book(one=recipe("print(1)"))
    command = [
        sys.executable,
        "-c",
        "from recipes_lib.book.cli import app; app()",
        "run",
        "--force",
    ]
    both = [subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert names(root / "_build" / "executed") == ["one.ipynb", "report.json"]
    assert statuses(root / "_build" / "executed") == {"one": "passed"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no right to mount a small disk: {error}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_named_before_anything_runs(
    make_book: Make, recipes_command: Invoke, small_disk: Path
) -> None:
    make_book(one=recipe("print(1)"))
    (small_disk / "filler").write_bytes(bytes(2**20 * 3 // 2))
    result = recipes_command("run", "--out", small_disk)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "No space left on device" in result.stderr
    assert names(small_disk) == ["filler"]


def test_a_disk_that_fills_up_meanwhile_holds_nothing_half_written(
    make_book: Make, recipes_command: Invoke, small_disk: Path
) -> None:
    make_book(big=recipe('print("x" * 3_000_000)'))
    result = recipes_command("run", "--out", small_disk)
    assert result.exit_code == 2
    assert f"cannot write {small_disk / 'big.ipynb'} (No space left on device)" in result.stderr
    assert names(small_disk) == []


def test_a_write_that_fails_keeps_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_whole(path, "before")

    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(BookError, match="No space left"):
        write_whole(path, "after")
    assert (names(tmp_path), path.read_text()) == (["file"], "before")


def test_a_kernel_that_loses_its_port_at_the_start_is_started_again(
    make_book: Make, recipes_command: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_book(one=recipe("print(1)"))
    start = run.Execution._start

    def lose_first(self: run.Execution) -> None:
        command = self._command
        if not (tmp_path / "lost").exists():
            (tmp_path / "lost").touch()
            said = "RuntimeError: Kernel died before replying to kernel_info"
            self._command = [sys.executable, "-c", f"raise SystemExit('{said}')"]
        start(self)
        self._command = command

    monkeypatch.setattr(run.Execution, "_start", lose_first)
    assert recipes_command("run").exit_code == 0


def test_nothing_heavy_is_imported_where_nothing_runs(
    make_book: Make, recipes_command: Invoke
) -> None:
    make_book(one=recipe("print(1)"))
    assert recipes_command("run").exit_code == 0
    program = """
import sys
from recipes_lib.book.cli import app
try:
    app(["run"])
except SystemExit as end:
    assert end.code == 0
heavy = ("torch", "papermill", "pandas", "sphinx", "joblib", "numpy")
print([name for name in heavy if name in sys.modules])
"""
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert "unchanged" in said
    assert said.endswith("[]\n")


def test_list_shows_the_last_run(make_book: Make, recipes_command: Invoke) -> None:
    make_book(good=good_recipe())
    assert "supported" not in recipes_command("list").output
    recipes_command("run")
    said = recipes_command("list").output
    assert all(part in said for part in ("Does it work?", "seed=0", "1 supported"))


def test_a_registry_that_breaks_the_rules_is_named(
    make_book: Make, recipes_command: Invoke
) -> None:
    root = make_book(good=good_recipe())
    (root / "claims.toml").write_text('[[claim]]\nid = "a"')
    result = recipes_command("list")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"{root / 'claims.toml'} has a row that is not complete" in result.stderr


def test_the_registry_lies_in_the_library_that_a_book_ships(make_book: Make) -> None:
    root = make_book(good=good_recipe())
    assert Book(root).environment == {"RECIPES_CLAIMS": str(root / "claims.toml")}
    assert [claim.id for claim in Book(root).claims] == ["it-works"]
    assert Book(root).sources == {"A. Writer 2024": "A. Writer (2024), A book & its author"}
    own = Book(Path(__file__).parents[1])
    assert own.claims_file == own.root / "recipes_lib" / "claims.toml"
    assert (own.environment, own.claims == []) == ({}, False)
    (root / "claims.toml").unlink()
    assert (Book(root).environment, Book(root).claims) == ({}, [])


def test_the_stand_in_records_what_the_study_records(monkeypatch: pytest.MonkeyPatch) -> None:
    from recipes_lib.evidence import study

    for module in (study.Study, standin.Study):
        monkeypatch.setattr(module, "_display" if module is study.Study else "_show", lambda *_: 0)
    real, ours = study.Study(device="cpu"), standin.Study()
    claim = next(iter(registered().claims.values()))
    for statement in claim.checks:
        real.check(statement, holds=True)
        ours.check(statement)
    real.claim(claim.id, {case.name: "not measured here" for case in claim.cases})
    ours.claim(claim.id, *(1.0 for case in claim.cases))
    assert list(map(set, ours.records)) == list(map(set, real.records))
