import time

import pytest
import torch

from recipes_lib import hardware
from recipes_lib.evidence.study import Study
from recipes_lib.evidence.timing import race
from recipes_lib.hardware import Stopwatch, bf16_lacks, integers_lack, resolve_device, stamp


def test_auto_is_the_accelerator_or_the_processor() -> None:
    here = torch.accelerator.current_accelerator(check_available=True)
    assert resolve_device() == (here or torch.device("cpu"))
    assert resolve_device("cpu").type == "cpu"


@pytest.mark.parametrize("name", ["cuda:99", "mps:7", "xpu:42"])
def test_a_device_that_is_not_here_is_refused_with_what_is(name: str) -> None:
    with pytest.raises(
        ValueError, match=rf"device '{name}' is not on this machine; it has cpu.*or use 'auto'"
    ):
        resolve_device(name)


def test_a_word_that_is_no_device_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'gpu' is not a device name; use 'auto'"):
        resolve_device("gpu")


def test_the_stopwatch_measures_seconds() -> None:
    with Stopwatch() as watch:
        time.sleep(0.05)
    assert 0.05 <= watch.seconds < 1


def test_the_stamp_names_hardware_and_versions() -> None:
    mark = stamp(torch.device("cpu"))
    assert mark["torch"] == torch.__version__.split("+")[0] or str(mark["torch"]).startswith(
        torch.__version__
    )
    assert mark["device"] == "cpu"
    assert mark["processor"]


@pytest.mark.parametrize(
    ("flags", "lacks"),
    [
        ("flags : fpu avx2 avx512_vnni", ""),
        ("Features : fp asimd asimddp", ""),
        ("flags : fpu avx2", "the processor has no dot products of 8-bit integers"),
        ("", ""),
    ],
)
def test_a_processor_without_integer_dot_products_is_known(
    flags: str, lacks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "_cpuinfo", lambda: flags)
    assert integers_lack() == lacks


@pytest.mark.parametrize(
    ("flags", "lacks"),
    [
        ("flags : fpu avx512_bf16", ""),
        ("Features : fp asimd bf16", ""),
        ("flags : fpu avx512_vnni", "the processor has no bf16 unit"),
        ("", ""),
    ],
)
def test_a_processor_without_a_bf16_unit_is_known(
    flags: str, lacks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "_cpuinfo", lambda: flags)
    assert bf16_lacks() == lacks


class TwoGPUs:
    """A stand-in for `torch.accelerator` that records which device was waited for."""

    def __init__(self) -> None:
        self.current, self.waited = 0, list[int]()

    def current_accelerator(self, check_available: bool = False) -> torch.device:
        return torch.device("cuda")

    def is_available(self) -> bool:
        return True

    def device_count(self) -> int:
        return 2

    def set_device_index(self, index: int) -> None:
        self.current = index

    def synchronize(self) -> None:
        self.waited.append(self.current)


@pytest.mark.parametrize("name", ["cuda:1", "cuda:0", "cuda"])
def test_work_on_a_second_gpu_is_timed_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    two = TwoGPUs()
    monkeypatch.setattr(torch, "accelerator", two)
    device = Study(device=name).device
    with Stopwatch():
        pass
    race({"one": lambda: None}, rounds=1, warm_up=0)
    assert set(two.waited) == {device.index or 0}
    assert len(two.waited) == 4
