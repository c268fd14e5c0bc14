"""What a runtime made of a net is read from its files."""

import sys
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from recipes_lib.deploy.inspect import kernels, peak_memory

pytest.importorskip("onnxruntime")
QUANTIZED = """
AOTI_TORCH_ERROR_CODE_CHECK(aoti_torch_cpu__qconv_pointwise_tensor(buf0));
AOTI_TORCH_ERROR_CODE_CHECK(aoti_torch_cpu__qlinear_pointwise_tensor(buf1));
"""
FLOAT = """
AOTI_TORCH_ERROR_CODE_CHECK(aoti_torch_cpu_mkldnn__convolution_pointwise(buf0));
AOTI_TORCH_ERROR_CODE_CHECK(aoti_torch_cpu__linear_pointwise(buf1));
AOTI_TORCH_ERROR_CODE_CHECK(aoti_torch_cpu_mm_out(buf1));
"""


@pytest.mark.parametrize(("code", "found"), [(QUANTIZED, (2, 0)), (FLOAT, (0, 3))])
def test_kernels_of_a_package_are_those_of_its_code(
    tmp_path: Path, code: str, found: tuple[int, int]
) -> None:
    file = tmp_path / "net.pt2"
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("net/data/aotinductor/model/x.wrapper.cpp", code)
        package.writestr("net/data/aotinductor/model/x.kernel.cpp", QUANTIZED)
    assert kernels(file) == found


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One wide linear layer in ONNX, in fp32 and in int8."""
    from onnxruntime.quantization import quantize_dynamic

    folder = tmp_path_factory.mktemp("onnx")
    how = {"input_names": ["x"], "external_data": False, "verbose": False}
    torch.onnx.export(
        nn.Linear(2048, 2048).eval(), (torch.ones(1, 2048),), folder / "fp32.onnx", **how
    )
    quantize_dynamic(folder / "fp32.onnx", folder / "int8.onnx")
    return folder


def test_kernels_of_an_onnx_file_are_those_of_its_optimized_graph(layer: Path) -> None:
    assert kernels(layer / "fp32.onnx") == (0, 1)
    assert kernels(layer / "int8.onnx") == (1, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process its peak")
def test_peak_memory_holds_the_weights_beyond_the_runtime(layer: Path) -> None:
    weights = 4 * 2048**2
    fp32, int8 = (peak_memory(layer / f"{name}.onnx", (1, 2048)) for name in ("fp32", "int8"))
    assert fp32
    assert int8
    assert fp32[1] > weights
    assert int8[1] < fp32[1] - weights
    assert abs(fp32[0] / int8[0] - 1) < 0.1
