"""Setting up `.venv`: once at a time, again where it was stopped, and with a cause where it fails.

The project that is set up has no requirements and builds itself, so that no index is asked.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "nothing"
version = "1"
"""
BACKEND = """\
import os, time, zipfile
def build_editable(folder, *_):
    open("builds", "a").write("x")
    time.sleep(float(os.environ.get("SECONDS", "0")))
    with zipfile.ZipFile(f"{folder}/nothing-1-py3-none-any.whl", "w") as wheel:
        home = "nothing-1.dist-info"
        lines = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(f"{home}/WHEEL", lines)
        about = "Metadata-Version: 2.1\\nName: nothing\\nVersion: 1\\n" + NEEDS
        wheel.writestr(f"{home}/METADATA", about)
        wheel.writestr(f"{home}/RECORD", "")
    return "nothing-1-py3-none-any.whl"
NEEDS = ""
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="make asks for Linux or macOS")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "mein Büch"
    (root / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", root)
    shutil.copy(ROOT / ".ci" / "environment.py", root / ".ci")
    (root / "pyproject.toml").write_text(PROJECT)
    (root / "backend.py").write_text(BACKEND)
    (root / "constraints.txt").touch()
    return root


def start(root: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["make", f"PYTHON={sys.executable}", ".venv/ready"],
        cwd=root,
        env=os.environ | {"PIP_NO_INDEX": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def builds(root: Path) -> int:
    path = root / "builds"
    return len(path.read_text()) if path.exists() else 0


def test_two_at_once_set_up_once(project: Path) -> None:
    both = [start(project, SECONDS="2"), start(project, SECONDS="2")]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert builds(project) == 1
    assert (project / ".venv" / "ready").read_text() == "book,deploy,scale,test"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_what_was_stopped_is_made_anew(project: Path, how: signal.Signals) -> None:
    process = start(project, SECONDS="60")
    while not builds(project):
        time.sleep(0.05)
    os.killpg(process.pid, how)
    assert process.wait(20) != 0
    assert not (project / ".venv" / "ready").exists()
    (project / ".venv" / "litter").touch()
    again = start(project)
    assert again.wait(120) == 0, again.communicate()[0]
    assert not (project / ".venv" / "litter").exists()
    assert (project / ".venv" / "ready").exists()


def test_a_failure_says_its_cause_and_a_remedy_in_one_line(project: Path) -> None:
    backend = project / "backend.py"
    needs = 'NEEDS = "Requires-Dist: lacking>=3\\n"'
    backend.write_text(BACKEND.replace('NEEDS = ""', needs))
    process = start(project)
    said = process.communicate(timeout=120)[0]
    (line,) = [line for line in said.splitlines() if "ERROR: " in line]
    assert process.returncode != 0
    assert "lacking>=3" in line
    assert "then run make again" in line
    assert not (project / ".venv" / "ready").exists()
    backend.write_text(BACKEND)
    assert start(project).wait(120) == 0


def test_a_conflict_names_what_conflicts() -> None:
    sys.path.insert(0, str(ROOT / ".ci"))
    from environment import cause  # type: ignore[import-not-found]

    said = """ERROR: Cannot install a because these package versions have conflicting dependencies.

The conflict is caused by:
    a 1 depends on b>=2
    The user requested (constraint) b==1

To fix this you could try to:
ERROR: ResolutionImpossible: for help visit
"""
    assert "a 1 depends on b>=2 / The user requested (constraint) b==1" in cause(said)
    assert "ResolutionImpossible" not in cause(said)
