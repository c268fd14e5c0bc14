"""Recipes as tasks of a Ray cluster, each executed there just as it would be here."""

import socket
import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from recipes_lib.book.execute import Execution
from recipes_lib.book.project import BookError
from recipes_lib.cluster import connect

PATIENCE = 10  # seconds: for an address to answer, and for a cancelled task to kill its kernel


class Cluster:
    """A Ray cluster, by address, else one on this machine alone. Raises `BookError` where there is none."""

    def __init__(self, address: str | None, cpus: int) -> None:
        if address and address != "auto":
            _knock(address)
        try:
            self._ray = connect(cpus, address)
        except (ValueError, ConnectionError, RuntimeError) as error:
            raise BookError(f"no Ray cluster at {address or 'this machine'}: {error}") from error
        resources = self._ray.cluster_resources()
        self.cpus, self._gpus = max(1, int(resources.get("CPU", 1))), resources.get("GPU", 0)

    def start(self, text: str, parameters: Mapping[str, Any], threads: int) -> "ClusterExecution":
        """Start a notebook on so many threads, and on as large a share of the cluster's GPUs as of its processors."""
        share = min(1.0, self._gpus * threads / self.cpus)
        work = self._ray.remote(num_cpus=threads, num_gpus=share, max_retries=0)(_execute)
        return ClusterExecution(self._ray, work.remote(text, dict(parameters), threads))

    def close(self) -> None:
        """Leave the cluster; end it, if it was started here."""
        self._ray.shutdown()


class ClusterExecution:
    """A notebook under execution on the cluster; it answers what `Execution` answers."""

    def __init__(self, ray: ModuleType, task: Any) -> None:
        self._ray, self._task, self._started = ray, task, time.monotonic()
        self._end: tuple[bool, Any | None, str, float] | None = None

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
            self._end = (False, None, f"Ray lost the task: {str(error).splitlines()[0]}", self.seconds)
        return self._end[0]

    def notebook(self) -> Any | None:
        """The executed notebook, as far as it came."""
        return self._end[1] if self._end else None

    def error(self) -> str:
        """The error in one line."""
        return self._end[2] if self._end else "the task has not ended"

    def close(self) -> None:
        """Have the worker kill what still runs, and wait until it has."""
        if self._end is None:
            self._ray.cancel(self._task)
            self._ray.wait([self._task], timeout=PATIENCE)


def _execute(text: str, parameters: dict[str, Any], threads: int) -> tuple[bool, Any | None, str, float]:
    execution = Execution(text, parameters, threads)
    try:
        while (success := execution.poll()) is None:
            time.sleep(0.05)
        return success, execution.notebook(), "" if success else execution.error(), execution.seconds
    finally:
        execution.close()


def _knock(address: str) -> None:
    """Ask whether anybody listens: Ray itself would try for minutes."""
    try:
        place = urlsplit(address if "//" in address else f"//{address}")
        socket.create_connection((place.hostname or "", place.port or 0), timeout=PATIENCE).close()
    except (OSError, ValueError) as error:
        raise BookError(f"no Ray cluster answers at {address} ({error}); start one, or give another address") from error
