"""TorchServe on this machine: files packed with their handler, behind doors of its own."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from recipes_lib.deploy.client import HOST
from recipes_lib.deploy.serve import free_ports, program_path, serving

HTTP, GRPC = ("inference", "management", "metrics"), ("inference", "management")
NAME = "net"


@contextmanager
def torchserving(
    folder: str | os.PathLike[str],
    handler: str,
    files: Sequence[str],
    *,
    limit: int,
    environment: Mapping[str, str] | None = None,
) -> Iterator[tuple[int, str]]:
    """Serve what `handler`, a file in `folder` like the other `files`, makes of requests of at most
    `limit` bytes, until the block ends; yield the port and the path to ask.

    One worker answers. All doors, of gRPC and of management too, lead to this machine alone.
    """
    folder, ports = Path(folder), free_ports(len(HTTP) + len(GRPC))
    (folder / "config.properties").write_text(_configuration(ports, limit), encoding="utf-8")
    packed = f"--model-name {NAME} --version 1 --handler {handler} --export-path . --force"
    command = [*_program("torch-model-archiver", packed), "--extra-files", ",".join(files)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    started = "--start --foreground --ncs --disable-token-auth --model-store ."
    started += f" --models {NAME}={NAME}.mar --ts-config config.properties"
    command = _program("torchserve", started)
    with serving(command, ports[0], folder, path="/ping", environment=environment):
        yield ports[0], f"/predictions/{NAME}"


def _program(name: str, words: str) -> list[str]:
    path = program_path(name)
    if path is None:
        raise OSError(f"{name} is not installed; torchserve_lacks() says what is missing")
    return [path, *words.split()]


def _configuration(ports: Sequence[int], limit: int) -> str:
    """Name a door of this machine for each of five ports."""
    http, grpc = ports[: len(HTTP)], ports[len(HTTP) :]
    lines = [
        *(f"{kind}_address=http://{HOST}:{port}" for kind, port in zip(HTTP, http, strict=True)),
        *(f"grpc_{kind}_address={HOST}" for kind in GRPC),
        *(f"grpc_{kind}_port={port}" for kind, port in zip(GRPC, grpc, strict=True)),
        f"max_request_size={limit}",
        "decode_input_request=false",  # handlers get bytes
        "default_workers_per_model=1",
        "vmargs=-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData",
    ]
    return "\n".join(lines)
