"""The same recipes on a Ray cluster: same outputs, same report, same exit codes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from conftest import Invoke, recipe
from test_book_run import names, report, statuses

Make = Callable[..., Path]


def on_ray(root: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from recipes_lib.book.cli import app; app()", "run", "--engine", "ray", *words]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.timeout(120)
def test_a_cluster_gives_what_this_machine_gives(make_book: Make, recipes_command: Invoke, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    root = make_book(fine=recipe("print(seed * rate)"), bad=recipe('raise ValueError("too bad")'))
    here, there = tmp_path / "here", tmp_path / "there"
    assert recipes_command("run", "--seed", "4", "--out", here).exit_code == 1
    process = on_ray(root, "--seed", "4", "--out", str(there))
    said, _ = process.communicate()
    assert process.returncode == 1, said
    assert statuses(there) == statuses(here) == {"fine": "passed", "bad": "failed"}
    assert report(there)["recipes"][1]["error"] == "ValueError: too bad"
    assert names(there) == names(here) == ["failed", "fine.ipynb", "report.json"]
    mine, theirs = (json.loads((folder / "fine.ipynb").read_text()) for folder in (here, there))
    assert theirs["cells"][-1]["outputs"] == mine["cells"][-1]["outputs"]
    assert theirs["metadata"]["recipes"]["fingerprint"] == mine["metadata"]["recipes"]["fingerprint"]
    assert recipes_command("run", "fine", "--seed", "4", "--out", there).exit_code == 0
    assert statuses(there) == {"fine": "unchanged"}


@pytest.mark.timeout(120)
def test_a_stop_kills_the_kernels_of_the_cluster(make_book: Make, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    beacon = tmp_path / "kernel"
    sleep = f'import os, time\nfrom pathlib import Path\nPath("{beacon}").write_text(str(os.getpid()))\ntime.sleep(600)'
    root = make_book(sleepy=recipe(sleep))
    process = on_ray(root)
    while not (beacon.exists() and beacon.read_text()):
        assert process.poll() is None
        time.sleep(0.05)
    kernel = psutil.Process(int(beacon.read_text()))
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE
    assert statuses(root / "_build" / "executed") == {"sleepy": "interrupted"}
    assert names(root / "_build" / "executed") == ["report.json"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--engine", "rai"], "engine 'rai' is unknown; did you mean 'ray'"),
        (["--address", "127.0.0.1:6379"], "--address names a Ray cluster; add --engine ray"),
        (["--engine", "ray", "--address", "127.0.0.1:1"], "no Ray cluster answers at 127.0.0.1:1"),
    ],
)
def test_a_bad_engine_or_address_is_refused(
    words: list[str], message: str, make_book: Make, recipes_command: Invoke
) -> None:
    make_book(fine=recipe("print(1)"))
    result = recipes_command("run", *words)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr


def test_a_missing_ray_is_named_with_its_remedy(
    make_book: Make, recipes_command: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_book(fine=recipe("print(1)"))
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr(os, "environ", {**os.environ})
    result = recipes_command("run", "--engine", "ray")
    assert result.exit_code == 2
    assert "needs Ray; pip install 'pytorch-recipes[scale]'" in result.stderr
