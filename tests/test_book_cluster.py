"""The same recipes on a Ray cluster: same outputs, same report, same exit codes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from conftest import Invoke, recipe
from nbformat import v4
from test_book_run import SLEEP, names, report, statuses

from recipes_lib.book import cluster

Make = Callable[..., Path]

ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


def on_ray(root: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    """Start `recipes run` as a shell would: Ctrl-C then reaches every process that it started."""
    command = [
        sys.executable,
        "-c",
        "from recipes_lib.book.cli import app; app()",
        "run",
        "--engine",
        "ray",
        *words,
    ]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(
        command, cwd=root, env=os.environ | environment, start_new_session=True, **pipes
    )


@pytest.fixture
def two_machines() -> Iterator[str]:
    """The address of a cluster of two nodes, each with one processor."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
    try:
        cluster.add_node(**node)
        yield cluster.address
    finally:
        cluster.shutdown()


@pytest.mark.timeout(120)
def test_a_cluster_gives_what_this_machine_gives(
    make_book: Make, recipes_command: Invoke, tmp_path: Path, two_machines: str
) -> None:
    root = make_book(fine=recipe("print(seed * rate)"), bad=recipe('raise ValueError("too bad")'))
    here, there = tmp_path / "here", tmp_path / "there"
    assert recipes_command("run", "--seed", "4", "--out", here).exit_code == 1
    # One job gets all the threads: more than either node has.
    words = ["--address", two_machines, "--seed", "4", "--jobs", "1", "--out", str(there)]
    process = on_ray(root, *words, **ON_LOOPBACK)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert statuses(there) == statuses(here) == {"fine": "passed", "bad": "failed"}
    assert report(there)["recipes"][1]["error"] == "ValueError: too bad"
    assert names(there) == names(here) == ["failed", "fine.ipynb", "report.json"]
    mine, theirs = (json.loads((folder / "fine.ipynb").read_text()) for folder in (here, there))
    assert theirs["cells"][-1]["outputs"] == mine["cells"][-1]["outputs"]
    assert (
        theirs["metadata"]["recipes"]["fingerprint"] == mine["metadata"]["recipes"]["fingerprint"]
    )
    assert (
        recipes_command("run", "fine", "--engine", "ray", "--seed", "4", "--out", there).exit_code
        == 0
    )
    assert statuses(there) == {"fine": "unchanged"}


@pytest.mark.timeout(120)
def test_a_stop_kills_the_kernels_of_the_cluster(make_book: Make, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    beacon, scratch = tmp_path / "kernel", tmp_path / "scratch"
    sleep = SLEEP.format(beacon=str(beacon))
    root = make_book(quick=recipe("print(1)"), sleepy=recipe(sleep))
    executed = root / "_build" / "executed"
    scratch.mkdir()
    process = on_ray(root, "--jobs", "2", TMPDIR=str(scratch), RAY_TMPDIR="/tmp")
    while not ((executed / "quick.ipynb").exists() and beacon.exists() and beacon.read_text()):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    family = [
        psutil.Process(int(beacon.read_text())),
        *psutil.Process(process.pid).children(recursive=True),
    ]
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    assert list(scratch.glob("recipes-*")) == []
    assert psutil.wait_procs(family, timeout=5)[1] == []
    assert statuses(executed) == {"quick": "passed", "sleepy": "interrupted"}
    assert names(executed) == ["quick.ipynb", "report.json"]


KILLS_ITS_WORKER = """\
import time
from pathlib import Path

import psutil

switch = Path({switch!r})
if not switch.exists():
    switch.write_text(str(Path.cwd().parent))
    psutil.Process().parents()[1].kill()  # papermill's parent
    time.sleep(600)"""


@pytest.mark.timeout(120)
def test_what_a_dead_worker_had_is_run_again(
    make_book: Make, tmp_path: Path, two_machines: str
) -> None:
    switch = tmp_path / "scratch-of-the-first"
    root = make_book(one=recipe(KILLS_ITS_WORKER.format(switch=str(switch))))
    process = on_ray(root, "--address", two_machines, "--jobs", "2", **ON_LOOPBACK)
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 0, said
    assert statuses(root / "_build" / "executed") == {"one": "passed"}
    assert not Path(switch.read_text()).exists()


def test_a_task_that_is_cancelled_at_its_very_start_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    start = subprocess.Popen

    def interrupted(*words: Any, **options: Any) -> Any:
        process = start(*words, **options)
        signal.raise_signal(signal.SIGINT)
        return process

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    before = psutil.Process().children(recursive=True)
    success, _, _, seconds = cluster._execute(
        v4.writes(recipe("import time\ntime.sleep(60)")), {}, 1, {}
    )
    assert (success, seconds < 5) == (False, True)
    assert psutil.Process().children(recursive=True) == before
    assert names(tmp_path) == []


def test_a_lost_task_says_what_happened_on_the_worker() -> None:
    ray = pytest.importorskip("ray")
    full = OSError(28, "No space left on device")
    raised = ray.exceptions.RayTaskError("work", f"Traceback\n  File\nOSError: {full}", full)
    for error, said in (
        (raised, f"OSError: {full}"),
        (ray.exceptions.WorkerCrashedError(), "The worker died"),
    ):

        def get(task: None, error: Exception = error) -> None:
            raise error

        fake: Any = SimpleNamespace(
            wait=lambda tasks, timeout: (tasks, []), get=get, exceptions=ray.exceptions
        )
        execution = cluster.ClusterExecution(fake, None)
        assert execution.poll() is False
        assert execution.error().startswith(f"Ray lost the task: {said}")
        assert execution.notebook() is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--engine", "rai"], "engine 'rai' is unknown; did you mean 'ray'"),
        (["--address", "127.0.0.1:6379"], "--address names a Ray cluster; add --engine ray"),
    ],
)
def test_a_bad_engine_is_refused(
    words: list[str], message: str, make_book: Make, recipes_command: Invoke
) -> None:
    make_book(fine=recipe("print(1)"))
    result = recipes_command("run", *words)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr


@pytest.mark.timeout(60)
@pytest.mark.parametrize("as_option", [True, False])
@pytest.mark.parametrize(
    ("listens", "reason"), [(False, "Connection refused"), (True, "no reply in 2 s")]
)
def test_an_address_without_a_cluster_is_refused_in_time(
    as_option: bool,
    listens: bool,
    reason: str,
    make_book: Make,
    recipes_command: Invoke,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("ray")
    root = make_book(fine=recipe("print(1)"))
    before = names(root)
    monkeypatch.setattr(cluster, "PATIENCE", 2)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        if listens:
            other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", "" if as_option else address)
        words = ["--address", address] if as_option else []
        result = recipes_command("run", "--engine", "ray", *words)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"no Ray cluster answers at {address} (" in result.stderr
    assert reason in result.stderr
    assert names(root) == before


@pytest.mark.parametrize("sleep", [0, 60])
def test_a_cluster_that_wants_a_token_says_how_to_give_it(
    make_book: Make, recipes_command: Invoke, monkeypatch: pytest.MonkeyPatch, sleep: int
) -> None:
    pytest.importorskip("ray")
    make_book(fine=recipe("print(1)"))
    # As Ray 2.60 says it: at once in its log, and at the end, which may come too late.
    said = "'Unauthenticated: RPC error: InvalidAuthToken: …', file=sys.stderr, flush=True"
    trial = f"import sys, time; print({said}); time.sleep({sleep}); raise ConnectionError"
    monkeypatch.setattr(cluster, "TRIAL", trial)
    monkeypatch.setattr(cluster, "PATIENCE", 2)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        result = recipes_command("run", "--engine", "ray", "--address", address)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"the Ray cluster at {address} wants its token; export RAY_AUTH_MODE=token" in (
        result.stderr
    )


def test_the_client_that_an_address_needs_is_named(
    make_book: Make, recipes_command: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    root = make_book(fine=recipe("print(1)"))
    before = names(root)
    monkeypatch.setitem(sys.modules, "grpc", None)
    result = recipes_command("run", "--engine", "ray", "--address", "ray://127.0.0.1:10001")
    assert (result.exit_code, result.stderr.count("\n"), names(root)) == (2, 1, before)
    assert "ray://127.0.0.1:10001 needs Ray's client; pip install 'ray[client]'" in result.stderr


def test_a_recipe_has_a_gpu_of_the_cluster_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = SimpleNamespace(
        nodes=lambda: [{"Alive": True, "Resources": {"CPU": 16.0, "GPU": 1.0}}],
        remote=lambda **asked: lambda work: SimpleNamespace(remote=lambda *_: asked),
    )
    monkeypatch.setattr(cluster, "connect", lambda *_: ray)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    some: Any = cluster.Cluster(None, 16)
    asked = [some.start("", given, 1, {})._task for given in ({}, {"device": "cpu"})]
    assert [one["num_gpus"] for one in asked] == [1, 0]


def test_a_missing_ray_is_named_with_its_remedy(
    make_book: Make, recipes_command: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_book(fine=recipe("print(1)"))
    monkeypatch.setitem(sys.modules, "ray", None)
    result = recipes_command("run", "--engine", "ray")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "ray is not installed; pip install 'pytorch-recipes[scale]'" in result.stderr
