"""Set up an environment with extras of the library: `python .ci/environment.py .venv book,test`.

Its file `ready` names the extras that it holds. A second call waits for the first, and what a call
that was stopped left behind is made anew.
"""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INPUTS = (ROOT / "pyproject.toml", ROOT / "constraints.txt")
NO_VENV = "this Python cannot make environments; on Debian and Ubuntu: apt install python3-venv"
REMEDY = (
    "look after the network, the disk (it takes 6 GB) or the Python (make PYTHON=python3.12), "
    "then run make again"
)


def main(folder: Path, extras: set[str]) -> str | None:
    """Make `folder` hold `extras`; return what went wrong, in one line, or None."""
    if importlib.util.find_spec("ensurepip") is None:
        return NO_VENV
    with INPUTS[0].open() as shared:
        lock(shared.fileno(), folder)
        ready, half = folder / "ready", folder / "half"
        have = set(ready.read_text().split(",")) if ready.exists() else set()
        if extras <= have and not any(is_newer(path, ready) for path in INPUTS):
            return None
        if half.exists():
            shutil.rmtree(folder)
        folder.mkdir(exist_ok=True)
        # First `half`, then no `ready`: whenever this is stopped, one of them says so.
        half.write_text(",".join(sorted(extras | have)))
        ready.unlink(missing_ok=True)
        log = folder / "install.log"
        code = install(folder, half.read_text(), log)
        if code == 0:
            half.replace(ready)
            return None
        if code > 0:  # pip refused, which leaves the environment as it was
            half.unlink()
    return f"{folder}: {cause(log.read_text())}; {REMEDY} (all that pip said: {log})"


def lock(file: int, folder: Path) -> None:
    """Wait until no other call makes an environment; the system frees what a killed one held."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"waiting for another make that sets up {folder} …", flush=True)
        fcntl.flock(file, fcntl.LOCK_EX)


def is_newer(path: Path, ready: Path) -> bool:
    """Whether `path` was changed since the environment was made."""
    return path.stat().st_mtime > ready.stat().st_mtime


def install(folder: Path, extras: str, log: Path) -> int:
    """Install the library, editable, in the versions of `constraints.txt`; return pip's code."""
    print(f"setting up {folder}, which takes some minutes …", flush=True)
    venv.create(folder, with_pip=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--disable-pip-version-check"]
    options = ["--progress-bar", "off", "--constraint", INPUTS[1], "--editable"]
    patience = {"PIP_DEFAULT_TIMEOUT": "60", "PIP_RETRIES": "10"}
    with log.open("w") as output:
        return subprocess.run(
            [*pip, *options, f"{ROOT}[{extras}]"],
            env=patience | os.environ,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode


def cause(said: str) -> str:
    """The last error of pip's that names something, with the requirements that conflict."""
    _, _, conflict = said.partition("The conflict is caused by:\n")
    needs = [line.strip() for line in conflict.partition("\n\n")[0].splitlines()]
    errors = [line for line in said.splitlines() if line.lower().startswith("error: ")]
    named = [line for line in errors if "ResolutionImpossible" not in line]
    return " / ".join([*(named or ["pip was stopped"])[-1:], *needs])


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]), set(sys.argv[2].split(","))))
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        sys.exit(f"{sys.argv[1]}: {error}; {REMEDY}")
