"""Temporary folders that go with all processes that were started in them, even where who made them
is killed: as a program, this is the watcher that sees to it.
"""

import getpass
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

import psutil

MARK = "RECIPES_SCRATCH"  # tells in a process's environment which folder it belongs to
PATIENCE = 10  # seconds for the killed to be gone


class Scratch:
    """A folder, and the environment of the processes that are to end with it."""

    def __init__(self, prefix: str, parent: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent)).resolve()
        temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self.folder))
        self.environment = {MARK: str(self.folder), **temporary, **compiled()}
        # By path, for a worker of Ray need not find the library as a program does; -P, or modules
        # would be looked for beside this one.
        self._watcher = subprocess.Popen(
            [sys.executable, "-P", __file__, str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill what still runs, and remove the folder."""
        clean(self.folder)
        self._watcher.communicate()


def compiled() -> dict[str, str]:
    """Where torch keeps what it compiled: as without a scratch folder, so that it serves again."""
    usual = Path(tempfile.gettempdir()) / f"torchinductor_{getpass.getuser()}"
    return {"TORCHINDUCTOR_CACHE_DIR": os.environ.get("TORCHINDUCTOR_CACHE_DIR", str(usual))}


def clean(folder: Path) -> None:
    """Kill the processes of a folder, those too that they start meanwhile, and remove it."""
    end = time.monotonic() + PATIENCE
    while (members := _members(folder)) and time.monotonic() < end:
        for member in members:
            try:
                member.kill()
            except psutil.Error:
                continue
        psutil.wait_procs(members, timeout=1)
    shutil.rmtree(folder, ignore_errors=True)


def _members(folder: Path) -> list[psutil.Process]:
    running = psutil.process_iter(["environ"])
    return [one for one in running if (one.info["environ"] or {}).get(MARK) == str(folder)]


def _watch(folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.read()  # ends when its other end is closed, which a death does, too
    clean(folder)


if __name__ == "__main__":
    _watch(Path(sys.argv[1]))
