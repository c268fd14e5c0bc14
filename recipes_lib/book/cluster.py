"""Recipes as tasks of a Ray cluster, each executed there just as it would be here."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from recipes_lib.book.errors import BookError
from recipes_lib.book.execute import Execution
from recipes_lib.book.processes import stop_signal
from recipes_lib.sweep.cluster import connect

PATIENCE = 30  # seconds: for a cluster to answer, and for cancelled tasks to kill their kernels
RETRIES = 2  # of a worker, or its machine, that dies
TRIAL = "import sys; from recipes_lib.sweep.cluster import connect; connect(1, sys.argv[1])"
UNAUTHENTICATED = "InvalidAuthToken"
TOKEN = "export RAY_AUTH_MODE=token, and copy ~/.ray/auth_token from its first machine"
End = tuple[bool, Any | None, str, float]  # whether it succeeded, the notebook, the error, seconds


class Cluster:
    """A Ray cluster, by address, else one on this machine alone. Raises `BookError` where there is
    none.
    """

    def __init__(self, address: str | None, cpus: int) -> None:
        if not find_spec("ray"):
            raise BookError("ray is not installed; pip install 'pytorch-recipes[scale]'")
        if named := address or os.environ.get("RAY_ADDRESS"):
            _try_out(named)
        try:
            self._ray = connect(cpus, address)
        except (ValueError, OSError, RuntimeError) as error:
            raise BookError(f"no Ray cluster starts on this machine: {error}") from error
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        self.cpus = max(1, int(sum(node.get("CPU", 0) for node in nodes)))
        self._gpus = sum(node.get("GPU", 0) for node in nodes)
        # A task has to fit into one node; where there are GPUs, into one that has some.
        fitting = [node for node in nodes if node.get("GPU")] or nodes
        self._most = max(1, *(int(node.get("CPU", 0)) for node in fitting))
        self._tasks: list[Any] = []

    def start(
        self,
        text: str,
        parameters: Mapping[str, Any],
        threads: int,
        environment: Mapping[str, str],
    ) -> "ClusterExecution":
        """Start a notebook on so many threads, and alone on a GPU where the cluster has some; again
        where its worker dies.
        """
        threads = min(threads, self._most)
        gpu = int(self._gpus > 0 and parameters.get("device") != "cpu")
        work = self._ray.remote(num_cpus=threads, num_gpus=gpu, max_retries=RETRIES)(_execute)
        self._tasks.append(work.remote(text, dict(parameters), threads, dict(environment)))
        return ClusterExecution(self._ray, self._tasks[-1])

    def close(self) -> None:
        """Wait until the tasks have ended, the cancelled too, and leave the cluster; end it, if it
        was started here.
        """
        if self._tasks:
            self._ray.wait(self._tasks, num_returns=len(self._tasks), timeout=PATIENCE)
        self._ray.shutdown()


class ClusterExecution:
    """A notebook under execution on the cluster; it answers what `Execution` answers."""

    def __init__(self, ray: ModuleType, task: Any) -> None:
        self._ray, self._task, self._started = ray, task, time.monotonic()
        self._end: End | None = None

    @property
    def seconds(self) -> float:
        """Wall time on the worker; before the end, since the task was handed in."""
        return self._end[3] if self._end else round(time.monotonic() - self._started, 2)

    def poll(self) -> bool | None:
        """Say whether it succeeded; None while it runs."""
        done, _ = self._ray.wait([self._task], timeout=0)
        if not done:
            return None
        try:
            self._end = self._ray.get(self._task)
        except self._ray.exceptions.RayError as error:
            # What was raised on the worker stands below its traceback; what Ray itself has to say
            # stands first.
            lines = str(error).strip().splitlines()
            said = lines[-1 if isinstance(error, self._ray.exceptions.RayTaskError) else 0]
            self._end = (False, None, f"Ray lost the task: {said}", self.seconds)
        return self._end[0]

    def notebook(self) -> Any | None:
        """The executed notebook, as far as it came."""
        return self._end[1] if self._end else None

    def error(self) -> str:
        """The error in one line."""
        return self._end[2] if self._end else "the task has not ended"

    def close(self) -> None:
        """Have the worker kill what still runs."""
        if self._end is None:
            self._ray.cancel(self._task)


def _execute(
    text: str, parameters: dict[str, Any], threads: int, environment: dict[str, str]
) -> End:
    # Ray interrupts a cancelled task wherever it is: an exception could lose a process that has
    # only just begun.
    with stop_signal() as stop:
        execution = Execution(text, parameters, threads, environment)
        try:
            while (success := execution.poll()) is None and not stop.wait(0.05):
                pass
            return (
                bool(success),
                execution.notebook(),
                "" if success else execution.error(),
                execution.seconds,
            )
        finally:
            execution.close()


def _try_out(address: str) -> None:
    """Connect from a process of its own: at a wrong address Ray tries for many minutes, deaf to
    signals.
    """
    if address.startswith("ray://") and not find_spec("grpc"):
        raise BookError(f"{address} needs Ray's client; pip install 'ray[client]'")
    trial = [sys.executable, "-c", TRIAL, address]
    try:
        if address != "auto":
            place = urlsplit(address if "//" in address else f"//{address}")
            socket.create_connection(
                (place.hostname or "", place.port or 0), timeout=PATIENCE
            ).close()
        subprocess.run(trial, check=True, capture_output=True, text=True, timeout=PATIENCE)
        return
    except subprocess.TimeoutExpired as error:
        reason, said = f"no reply in {PATIENCE} s", repr(error.stderr)  # bytes
    except subprocess.CalledProcessError as error:
        reason, said = error.stderr.strip().splitlines()[-1], error.stderr
    except (OSError, ValueError) as error:
        reason, said = str(error), ""
    if UNAUTHENTICATED in said:
        raise BookError(f"the Ray cluster at {address} wants its token; {TOKEN}")
    raise BookError(
        f"no Ray cluster answers at {address} ({reason}); start one, or give another address"
    )
