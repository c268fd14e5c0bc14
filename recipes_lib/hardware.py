"""Where the work runs: device choice, a stopwatch that waits for the device, the stamp that results
carry.
"""

import ctypes
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

import torch

INT8_DOT_PRODUCTS = {
    "avx512_vnni",
    "avx_vnni",
    "amx_int8",
    "asimddp",
}  # as Linux names them, on x86 and Arm
BF16 = {"avx512_bf16", "amx_bf16", "bf16"}


def resolve_device(device: str = "auto") -> torch.device:
    """Turn `"auto"`, `"cpu"`, `"cuda"`, `"cuda:1"`, `"mps"`, … into a device that this machine has.

    `"auto"` is the accelerator where there is one, else the processor. A device with a number
    becomes the current one, which is timed. Raises `ValueError` for any other device.
    """
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if device == "auto":
        return accelerator or torch.device("cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"device {device!r} is not a device name; use 'auto', 'cpu' or 'cuda'"
        ) from error
    count = torch.accelerator.device_count() if accelerator else 0
    if chosen.type == "cpu":
        return chosen
    if accelerator and chosen.type == accelerator.type and (chosen.index or 0) < count:
        if chosen.index is not None:
            torch.accelerator.set_device_index(chosen.index)
        return chosen
    here = [f"{accelerator.type}:{index}" for index in range(count)] if accelerator else []
    raise ValueError(
        f"device {device!r} is not on this machine; "
        f"it has {', '.join(['cpu', *here])}; or use 'auto'"
    )


def integers_lack() -> str:
    """Say that the processor has no dot products of 8-bit integers; nothing where it has, or does
    not tell.
    """
    return _lacks(INT8_DOT_PRODUCTS, "dot products of 8-bit integers")


def bf16_lacks() -> str:
    """Say that the processor has no bf16 unit; nothing where it has, or does not tell."""
    return _lacks(BF16, "bf16 unit")


def _lacks(wanted: set[str], what: str) -> str:
    flags = set(_cpuinfo().split())
    return "" if not flags or flags & wanted else f"the processor has no {what}"


class Stopwatch:
    """Time a block in seconds, the device's queued work included: `with Stopwatch() as watch: …;
    watch.seconds`.
    """

    seconds: float

    def __enter__(self) -> Self:
        synchronize()
        self._start = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        synchronize()
        self.seconds = time.perf_counter() - self._start


def synchronize() -> None:
    """Wait until the current device of the accelerator, where there is one, has done all it was
    told.
    """
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()


def keep_memory() -> None:
    """Have glibc keep what it frees: a fresh page costs more time than the arithmetic on it."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(-1, 1 << 28)  # M_TRIM_THRESHOLD: give back from 256 MiB on
        mallopt(-3, 1 << 25)  # M_MMAP_THRESHOLD: at most 32 MiB from the heap, glibc's limit


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
    names = [
        line.split(":", 1)[1].strip()
        for line in _cpuinfo().splitlines()
        if line.startswith("model name")
    ]
    return names[0] if names else platform.processor() or os.name


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8") if path.exists() else ""
