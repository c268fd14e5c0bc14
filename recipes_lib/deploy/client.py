"""Ask a server on this machine: one request, or many at once."""

import json
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection

import numpy as np
from numpy.typing import NDArray

from recipes_lib.given import whole

HOST = "127.0.0.1"  # this machine alone


def ask(
    port: int, path: str, body: bytes | None = None, *, timeout: float = 30.0
) -> tuple[int, str]:
    """Send one request, a POST of JSON where there is a body; return the status and the answer, or
    else the reason.
    """
    with closing(HTTPConnection(HOST, port, timeout=timeout)) as connection:
        return _exchange(connection, path, body)


def _exchange(connection: HTTPConnection, path: str, body: bytes | None) -> tuple[int, str]:
    connection.request(
        "GET" if body is None else "POST", path, body, {"Content-Type": "application/json"}
    )
    answer = connection.getresponse()
    return answer.status, answer.read().decode(errors="replace") or answer.reason


def malformed(name: str, good: Sequence[float]) -> dict[str, bytes]:
    """Bodies that a service has to refuse, each wrong in its own way, where `{name: good}` is right
    and numbers are in 0 … 1.
    """
    wrong: dict[str, object] = {
        "another field": {name: [*good], "admin": True},
        "text": {name: "five"},
        "too few numbers": {name: [*good[1:]]},
        "too long": {name: 40 * [*good]},
        "not a number": {name: [math.nan, *good[1:]]},
        "infinite": {name: [math.inf, *good[1:]]},
        "beyond float32": {name: [1e300, *good[1:]]},
    }
    bodies = {kind: json.dumps(body).encode() for kind, body in wrong.items()}
    return {"not JSON": b"{" + name.encode(), "nothing": b""} | bodies


@dataclass(frozen=True)
class Load:
    """What a load test saw: answers per second, each request's latency in seconds (n,), and the
    answers, in order.
    """

    per_second: float
    latencies: NDArray[np.float64]
    answers: list[str]


def load_test(
    port: int, path: str, bodies: Sequence[bytes], clients: int, *, timeout: float = 30.0
) -> Load:
    """Post all bodies from `clients` clients at once, each of which waits for an answer before it
    asks again.

    Raises `RuntimeError` for an answer that is not 200, and `TimeoutError` for one that does not
    come in time.
    """
    if not bodies:
        raise ValueError("there are no bodies to post; give at least one")
    clients = min(whole("clients", clients), len(bodies))

    def client(turn: int) -> list[tuple[float, str]]:
        with closing(HTTPConnection(HOST, port, timeout=timeout)) as connection:
            return [_timed(connection, path, body) for body in bodies[turn::clients]]

    with ThreadPoolExecutor(clients) as pool:
        began = time.perf_counter()
        replies = list(pool.map(client, range(clients)))
        seconds = time.perf_counter() - began
    order = [replies[index % clients][index // clients] for index in range(len(bodies))]
    return Load(
        len(bodies) / seconds,
        np.array([latency for latency, _ in order]),
        [answer for _, answer in order],
    )


def _timed(connection: HTTPConnection, path: str, body: bytes) -> tuple[float, str]:
    began = time.perf_counter()
    status, text = _exchange(connection, path, body)
    if status != 200:
        raise RuntimeError(f"{path} answered {status}: {text[:200]}")
    return time.perf_counter() - began, text
