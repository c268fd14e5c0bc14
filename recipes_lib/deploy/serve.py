"""Serve on this machine: a server that is always stopped, and what TorchServe needs."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPException
from ipaddress import ip_address
from pathlib import Path
from random import SystemRandom

import psutil

from recipes_lib.deploy.client import HOST, ask
from recipes_lib.given import whole

# Waits until its input ends, which it does when we close it and when we are no more, and kills the
# group of processes.
WATCH = "import os, sys; sys.stdin.read(); os.killpg(int(sys.argv[1]), 9)"


def free_ports(count: int = 1) -> list[int]:
    """Draw ports of the loopback address that nobody uses, below those that systems lend to
    outgoing connections.
    """
    whole("count", count)
    free: list[int] = []
    for port in SystemRandom().sample(range(20_000, 32_000), 12_000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            free.append(port)
        if len(free) == count:
            return free
    raise OSError(f"fewer than {count} ports are free")


@contextmanager
def serving(
    command: Sequence[object],
    port: int,
    folder: str | os.PathLike[str],
    *,
    path: str = "/",
    timeout: float = 120.0,
    environment: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """Run a server in `folder` until the block ends, and yield its process id once `path` answers
    with 200.

    The server, and whatever it starts in its process group, is killed however the block ends, even
    where this process is killed. It has to listen to this machine alone. Its output goes to
    `folder/server.log`, its temporary files to `folder`. Linux and macOS. Raises `OSError` where
    the port is taken, `RuntimeError` where the server ends before it answers or listens to other
    machines, and `TimeoutError` where it does not answer in time. To an exception in the block it
    adds the end of the log.
    """
    folder = Path(folder).resolve()  # the server starts in it: a relative one would be sought there
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise OSError(f"port {port} is taken; another server would answer")
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            env={
                **os.environ,
                **dict.fromkeys(("TMPDIR", "TEMP"), str(folder)),
                **(environment or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        watch = [sys.executable, "-I", "-S", "-c", WATCH, str(server.pid)]
        watcher = subprocess.Popen(
            watch, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            _wait_until_ready(server, port, path, timeout)
            _refuse_other_machines(server, port)
            yield server.pid
        except Exception as error:
            error.add_note(
                f"The server's log ends:\n{log.read_bytes()[-2000:].decode(errors='replace')}"
            )
            raise
        finally:
            watcher.communicate()
    finally:
        _kill_group(server)


def _wait_until_ready(
    server: "subprocess.Popen[bytes]", port: int, path: str, timeout: float
) -> None:
    end = time.monotonic() + timeout
    while time.monotonic() < end and server.poll() is None:
        with suppress(OSError, HTTPException):
            if ask(port, path, timeout=5.0)[0] == 200:
                return
        time.sleep(0.1)
    if server.poll() is not None:
        raise RuntimeError(f"the server ended with code {server.returncode}")
    raise TimeoutError(f"the server did not answer within {timeout:g} s")


def _refuse_other_machines(server: "subprocess.Popen[bytes]", port: int) -> None:
    process = psutil.Process(server.pid)
    for one in [process, *process.children(recursive=True)]:
        for door in one.net_connections("inet"):
            if door.status != psutil.CONN_LISTEN or door.laddr.port != port:
                continue
            address = ip_address(door.laddr.ip)
            if not (getattr(address, "ipv4_mapped", None) or address).is_loopback:
                raise RuntimeError(
                    f"the server listens to other machines, at {address}; bind it to {HOST}"
                )


def _kill_group(server: "subprocess.Popen[bytes]", patience: float = 10.0) -> None:
    end = time.monotonic() + patience  # those that it leaves are buried by whoever adopts them
    with suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < end:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
            time.sleep(0.02)


def program_path(name: str) -> str | None:
    """Find a program beside this Python, else where the system looks; None where it is not
    installed.
    """
    return shutil.which(
        name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    )


def torchserve_lacks() -> str:
    """Say what TorchServe needs and this machine lacks; nothing where it can run."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(f"{home}/bin/java" if home else "java")
    if not java:
        return "Java is not installed"
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    if not version or int(version[1]) < 17:
        return "Java is older than 17"
    lacking = [name for name in ("torchserve", "torch-model-archiver") if not program_path(name)]
    return f"{lacking[0]} is not installed" if lacking else ""
