"""`make book` ends with a book whatever becomes of the recipes, except where somebody stops it."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Start = Callable[..., subprocess.Popen[bytes]]
RECIPES = """\
#!/bin/sh
echo "$1" >> said
test "$1" = run || exit 0
trap 'exit 130' INT TERM
test -z "$SLOW" || while true; do sleep 0.1; done
exit $CODE
"""


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """What starts `make book` where `recipes` only writes down how it was called."""
    shutil.copy(Path(__file__).parents[1] / "Makefile", tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    command = tmp_path / ".venv" / "bin" / "recipes"
    command.write_text(RECIPES)
    command.chmod(0o755)
    for name in ("pyproject.toml", "constraints.txt", ".venv/ready"):
        (tmp_path / name).touch()

    def make(**environment: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["make", "book"], cwd=tmp_path, env=os.environ | environment, start_new_session=True
        )

    return make


@pytest.mark.parametrize(("code", "expected"), [("0", 0), ("1", 2), ("2", 2)])
def test_the_pages_are_built_and_the_exit_code_tells(
    tmp_path: Path, start: Start, code: str, expected: int
) -> None:
    assert start(CODE=code).wait(20) == expected
    assert (tmp_path / "said").read_text().split() == ["run", "build"]


def test_ctrl_c_stops_it(tmp_path: Path, start: Start) -> None:
    process = start(CODE="0", SLOW="1")
    while not (tmp_path / "said").exists():
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(20) != 0
    assert (tmp_path / "said").read_text().split() == ["run"]
