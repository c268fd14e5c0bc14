"""Where the work runs: device choice, a stopwatch that waits for the device, the stamp that results carry."""

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

import torch


def resolve_device(device: str = "auto") -> torch.device:
    """Turn `"auto"`, `"cpu"`, `"cuda"`, `"cuda:1"`, `"mps"`, … into a device that this machine has.

    `"auto"` is the accelerator where there is one, else the processor. Raises `ValueError` for any other device.
    """
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if device == "auto":
        return accelerator or torch.device("cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device {device!r} is not a device name; use 'auto', 'cpu' or 'cuda'") from error
    count = torch.accelerator.device_count() if accelerator else 0
    if chosen.type == "cpu" or (accelerator and chosen.type == accelerator.type and (chosen.index or 0) < count):
        return chosen
    here = [f"{accelerator.type}:{index}" for index in range(count)] if accelerator else []
    raise ValueError(f"device {device!r} is not on this machine; it has {', '.join(['cpu', *here])}; or use 'auto'")


class Stopwatch:
    """Time a block in seconds, the device's queued work included: `with Stopwatch() as watch: …; watch.seconds`."""

    seconds: float

    def __enter__(self) -> Self:
        synchronize()
        self._start = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        synchronize()
        self.seconds = time.perf_counter() - self._start


def synchronize() -> None:
    """Wait until the accelerator, where there is one, has done all it was told."""
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()


def stamp(device: torch.device) -> dict[str, str | int]:
    """Name the hardware and the versions that a result came from."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "torchvision", "numpy")},
    }


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open() as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or os.name
