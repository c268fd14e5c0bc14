"""Child processes that leave nobody behind: kernels have process groups of their own."""

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any

import psutil

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run_tree(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    stdout: int | None = None,
) -> int:
    """Run a command, its errors shown, and return its code; interrupted, kill all it started."""
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=stdout)
    try:
        return process.wait()
    finally:
        kill_tree(process)


def kill_tree(process: subprocess.Popen[Any]) -> None:
    """Kill a process, where it still runs, and its descendants."""
    with suppress(psutil.NoSuchProcess):
        if process.poll() is None:
            parent = psutil.Process(process.pid)
            # A stopped parent starts no further kernel between the count and the kill.
            parent.suspend()
            for member in [*parent.children(recursive=True), parent]:
                with suppress(psutil.NoSuchProcess):
                    member.kill()
    process.wait()


@contextmanager
def stop_signal() -> Iterator[Event]:
    """Turn Ctrl-C and SIGTERM into an event, so that no exception cuts a write in half."""
    stop = Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
