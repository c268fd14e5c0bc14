"""What a runtime made of a net: in which numbers its layers run, and how much memory they take."""

import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import NamedTuple

CALLED = re.compile(r"aoti_torch_cpu_\w*?(q?)(?:conv|linear|mm_out)")
ONNX_INT8 = (
    "QLinearConv",
    "QLinearMatMul",
    "QGemm",
    "MatMulInteger",
    "MatMulIntegerToFloat",
    "DynamicQuantizeMatMul",
)
ONNX_FLOAT = ("Conv", "FusedConv", "NhwcFusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul")
# Run in a process of its own. VmHWM begins anew there; getrusage would tell the parent's peak.
PROBE = """
import sys, numpy, onnxruntime
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
before, options = peak(), onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
run = onnxruntime.InferenceSession(sys.argv[1], options, ["CPUExecutionProvider"])
name = run.get_inputs()[0].name
run.run(None, {name: numpy.ones([int(size) for size in sys.argv[2:]], "float32")})
print(before, peak() - before)
"""


class Kernels(NamedTuple):
    """How many convolutions and matrix products run in int8, and how many in floating point."""

    int8: int
    other: int


def kernels(file: str | PathLike[str]) -> Kernels:
    """Count the kernels that a package of AOTInductor (.pt2) or a session on an .onnx file calls.

    Both are asked after they were compiled: a compiler may undo what a quantizer did.
    """
    if Path(file).suffix == ".pt2":
        called = CALLED.findall(compiled_code(file))
        return Kernels(sum(map(bool, called)), called.count(""))
    operators = _operators(file)
    return Kernels(
        sum(operators.count(name) for name in ONNX_INT8),
        sum(operators.count(name) for name in ONNX_FLOAT),
    )


def compiled_code(file: str | PathLike[str]) -> str:
    """Return the C++ code that calls the kernels in a package of AOTInductor."""
    with zipfile.ZipFile(file) as package:
        names = [name for name in package.namelist() if name.endswith("wrapper.cpp")]
        return "\n".join(package.read(name).decode() for name in names)


def _operators(file: str | PathLike[str]) -> list[str]:
    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        optimized = Path(folder) / "optimized.onnx"
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # it warns that the graph suits this processor alone
        options.optimized_model_filepath = str(optimized)
        onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"])
        return [node.op_type for node in onnx.load(optimized).graph.node]


def peak_memory(file: str | PathLike[str], shape: Sequence[int]) -> tuple[int, int] | None:
    """Return the peak bytes of a new process that runs an .onnx file once on ones of this shape.

    The first number is that of ONNX Runtime alone, before the file is loaded; the second is what
    came on top. None where the system does not tell, as only Linux does.
    """
    if not Path("/proc/self/status").exists():
        return None
    command = [sys.executable, "-c", PROBE, str(file), *map(str, shape)]
    before, beyond = subprocess.check_output(command, text=True).split()
    return int(before), int(beyond)
