"""Real servers on loopback: they answer, they are refused, they are always gone afterwards."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import numpy as np
import psutil
import pytest
from conftest import Invoke, recipe

from recipes_lib.book.notebook import read_notebook
from recipes_lib.deploy.client import HOST, ask, load_test, malformed
from recipes_lib.deploy.serve import free_ports, program_path, serving, torchserve_lacks
from recipes_lib.deploy.torchserve import torchserving

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(os.name == "nt", reason="serving needs process groups"),
]

# Echoes what it is sent; starts a child in its process group, as servers with workers do.
ECHO = """\
import subprocess, sys, tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, body):
        self.send_response(status, "Because")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer(200 if self.path == "/" else 404, tempfile.gettempdir().encode())
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200 if body else 413, body)
    def log_message(self, *words):
        print("asked", flush=True)

child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path("child").write_text(str(child.pid))
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"""


@pytest.fixture
def echo(tmp_path: Path) -> tuple[list[str], int]:
    (tmp_path / "echo.py").write_text(ECHO)
    [port] = free_ports()
    return [sys.executable, "echo.py", str(port)], port


def gone(*pids: int) -> bool:
    """Whether none of the processes runs, soon."""
    return eventually(lambda: not any(running(pid) for pid in pids))


def running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def eventually(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return true()


def closed(port: int) -> bool:
    try:
        ask(port, "/", timeout=1.0)
    except OSError:
        return True
    return False


def test_ports_are_free_and_differ() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    assert all(closed(port) for port in ports)


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has but one loopback address")
def test_ports_are_those_of_the_loopback_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as here,
        socket.create_server(("127.0.0.2", 0)) as elsewhere,
    ):
        ports = [one.getsockname()[1] for one in (here, elsewhere)]
        monkeypatch.setattr("random.SystemRandom.sample", lambda self, among, count: ports)
        assert free_ports() == ports[1:]
        with pytest.raises(OSError, match="fewer than 2 ports are free"):
            free_ports(2)


def test_what_cannot_be_asked_for_is_refused() -> None:
    with pytest.raises(ValueError, match="count is 0; give a whole number from 1"):
        free_ports(0)
    with pytest.raises(ValueError, match="clients is 0; give a whole number from 1"):
        load_test(1, "/", [b"[1]"], clients=0)
    with pytest.raises(ValueError, match="there are no bodies to post; give at least one"):
        load_test(1, "/", [], clients=1)


def test_this_machine_alone_is_asked() -> None:
    assert ip_address(HOST).is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_that_listens_to_other_machines_is_refused(tmp_path: Path, host: str) -> None:
    [port] = free_ports()
    command = [sys.executable, "-m", "http.server", port, "-b", host]
    with (
        pytest.raises(RuntimeError, match=f"listens to other machines, at {host}; bind it to 127"),
        serving(command, port, str(tmp_path)),
    ):
        pass
    assert closed(port)


def test_no_address_that_code_names_is_open_to_other_machines() -> None:
    root = Path(__file__).parents[1]
    texts = [path.read_text(encoding="utf-8") for path in root.glob("[rb]*/**/*.py")]
    for path in root.glob("chapters/*.ipynb"):
        cells = read_notebook(path).cells
        texts += [cell.source for cell in cells if cell.cell_type == "code"]
    number = r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"
    found = {address for text in texts for address in re.findall(number, text)}
    assert "127.0.0.1" in found
    assert [address for address in found if not ip_address(address).is_loopback] == []


def children() -> set[int]:
    return {p.pid for p in psutil.Process().children(recursive=True) if running(p.pid)}


def test_a_server_answers_and_is_gone_after_the_block(
    echo: tuple[list[str], int], tmp_path: Path
) -> None:
    command, port = echo
    before = children()  # of other tests, such as a pool of processes
    with serving(command, port, tmp_path) as pid:
        assert ask(port, "/") == (200, str(tmp_path))  # its temporary files lie in the folder
        assert ask(port, "/", b"[1, 2]") == (200, "[1, 2]")
        assert ask(port, "/", b"") == (413, "Because")
        assert ask(port, "/elsewhere")[0] == 404
        child = int((tmp_path / "child").read_text())
        assert running(pid)
        assert running(child)
        listens = [
            c.laddr.ip
            for c in psutil.Process(pid).net_connections()
            if c.status == psutil.CONN_LISTEN
        ]
        assert listens == ["127.0.0.1"]
    assert gone(pid, child)
    assert closed(port)
    assert "asked" in (tmp_path / "server.log").read_text()
    assert children() <= before


def test_a_folder_may_be_named_from_where_one_is(
    echo: tuple[list[str], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, port = echo
    monkeypatch.chdir(tmp_path.parent)
    with serving(command, port, tmp_path.name):
        assert ask(port, "/") == (200, str(tmp_path.resolve()))  # where its temporary files go


def test_a_server_is_gone_after_an_error(echo: tuple[list[str], int], tmp_path: Path) -> None:
    command, port = echo
    with pytest.raises(ZeroDivisionError), serving(command, port, tmp_path) as pid:
        print(1 / 0)
    assert gone(pid, int((tmp_path / "child").read_text()))
    assert closed(port)


def test_a_server_that_was_killed_leaves_no_child(
    echo: tuple[list[str], int], tmp_path: Path
) -> None:
    command, port = echo
    with serving(command, port, tmp_path) as pid:
        os.kill(pid, signal.SIGKILL)
    assert gone(pid, int((tmp_path / "child").read_text()))


def test_a_server_is_gone_when_its_owner_is_killed(
    echo: tuple[list[str], int], tmp_path: Path
) -> None:
    command, port = echo
    owner = f"""
import time
from pathlib import Path
from recipes_lib.deploy.serve import serving

with serving({command!r}, {port}, Path({str(tmp_path)!r})) as pid:
    print(pid, flush=True)
    time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", owner], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        process.kill()
    assert gone(pid, int((tmp_path / "child").read_text()))
    assert closed(port)


def test_a_taken_port_is_refused(echo: tuple[list[str], int], tmp_path: Path) -> None:
    command, port = echo
    with (
        serving(command, port, tmp_path),
        pytest.raises(OSError, match=f"port {port} is taken"),
        serving(command, port, tmp_path),
    ):
        pass


def test_a_server_that_ends_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="code 3") as caught,
        serving(
            [sys.executable, "-c", "print('no such model'); exit(3)"], free_ports()[0], tmp_path
        ),
    ):
        pass
    assert "no such model" in caught.value.__notes__[0]


def test_a_server_that_never_answers_is_killed(tmp_path: Path) -> None:
    sleep = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    with (
        pytest.raises(TimeoutError, match="within 1 s"),
        serving([sys.executable, "-c", sleep], free_ports()[0], tmp_path, timeout=1.0),
    ):
        pass
    assert gone(int((tmp_path / "server.log").read_text()))


@pytest.mark.parametrize(("requests", "clients"), [(1, 1), (7, 3), (2, 8)])
def test_a_load_comes_back_in_order(
    echo: tuple[list[str], int], tmp_path: Path, requests: int, clients: int
) -> None:
    command, port = echo
    bodies = [f"[{index}]".encode() for index in range(requests)]
    with serving(command, port, tmp_path):
        load = load_test(port, "/", bodies, clients)
    assert load.answers == [body.decode() for body in bodies]
    assert load.latencies.shape == (requests,)
    assert (load.latencies > 0).all()
    assert np.isfinite(load.per_second)


def test_a_load_tells_how_many_answers_came_a_second(
    echo: tuple[list[str], int], tmp_path: Path
) -> None:
    command, port = echo
    with serving(command, port, tmp_path):
        load = load_test(port, "/", [b"[1]"] * 100, clients=1)
    # One client waits for each answer, so that nearly all the time passes in requests.
    assert 0.2 < load.per_second * load.latencies.sum() / 100 <= 1


def test_a_load_tells_of_a_refusal(echo: tuple[list[str], int], tmp_path: Path) -> None:
    command, port = echo
    with (
        serving(command, port, tmp_path),
        pytest.raises(RuntimeError, match="/ answered 413: Because"),
    ):
        load_test(port, "/", [b"[1]", b""], clients=2)


@pytest.mark.parametrize(
    ("end", "said"), [("1 / 0", "division by zero"), ("os.kill(os.getpid(), 9)", "died")]
)
def test_a_recipe_that_breaks_off_leaves_no_server(
    echo: tuple[list[str], int],
    tmp_path: Path,
    make_book: Callable[..., Path],
    recipes_command: Invoke,
    end: str,
    said: str,
) -> None:
    command, port = echo
    make_book(
        one=recipe(f"""
import os
from pathlib import Path
from recipes_lib.deploy.serve import serving

with serving({command!r}, {port}, Path({str(tmp_path)!r})) as pid:
    Path({str(tmp_path)!r}, "server").write_text(str(pid))
    {end}
""")
    )
    result = recipes_command("run")
    assert (result.exit_code, said in result.output) == (1, True), result.output
    assert gone(*(int((tmp_path / name).read_text()) for name in ("server", "child")))
    assert closed(port)


def has_java(folder: Path, version: str) -> None:
    """Put a `java` into the folder that tells this version, as the real one does."""
    folder.mkdir()
    java = folder / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2026-01-20' >&2\n")
    java.chmod(0o755)


@pytest.mark.parametrize(
    ("version", "lacks"),
    [
        ("", "Java is not installed"),
        ("1.8.0_412", "Java is older than 17"),
        ("11", "Java is older than 17"),
    ],
)
def test_what_torchserve_lacks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, lacks: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    if version:
        has_java(tmp_path / "bin", version)
    assert torchserve_lacks() == lacks


def test_torchserve_takes_the_java_of_its_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_java(tmp_path / "bin", "21.0.2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert torchserve_lacks() == ""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", "")
    assert (program_path("torchserve"), torchserve_lacks()) == (None, "torchserve is not installed")


HANDLER = """\
from pathlib import Path

class Handler:
    def initialize(self, context):
        self.said = Path(__file__).with_name("said").read_text()

    def handle(self, data, context):
        return [self.said + row["body"].decode() for row in data]
"""


@pytest.mark.skipif(bool(torchserve_lacks()), reason="needs TorchServe and Java")
def test_torchserve_answers_behind_doors_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text(HANDLER)
    (tmp_path / "said").write_text("heard: ")
    with torchserving(tmp_path, "handler.py", ["said"], limit=100) as (port, path):
        assert ask(port, path, b"hello") == (200, "heard: hello")
        assert ask(port, path, 200 * b"x")[0] == 413
    assert closed(port)
    named = (tmp_path / "config.properties").read_text()
    assert len(re.findall(r"_address=(?:http://)?127\.0\.0\.1", named)) == 5


def test_what_is_malformed_is_no_right_body() -> None:
    bodies = malformed("pixels", [0.5, 0.25])
    assert len(set(bodies.values())) == len(bodies)
    assert bodies["too few numbers"] == b'{"pixels": [0.25]}'
    assert b'{"pixels": [0.5, 0.25]}' not in bodies.values()
