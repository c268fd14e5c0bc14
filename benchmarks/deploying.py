"""Forms of a trained net that answer batches: against the net compiled in single precision, on one
thread.
"""

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.timing import group, peer
from benchmarks.work import BATCH_SIZE, images
from recipes_lib.nets.models import mlp

COMPILED = "torch.compile, fp32"
CALLS = 10
Form = Callable[[Tensor], Any]


def deploying_mlp(rounds: int) -> dict[str, Any]:
    """Answer batches by the MLP 784-512-512-10."""
    return _answering("MLP 784-512-512-10", mlp((1, 28, 28), 10, (512, 512)), rounds)


def deploying_cnn(rounds: int) -> dict[str, Any]:
    """Answer batches by a CNN of three convolutions that halve the image."""
    layers: list[nn.Module] = []
    for before, after in ((1, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))
    return _answering("CNN 32-64-128", net, rounds)


def _answering(name: str, net: nn.Module, rounds: int) -> dict[str, Any]:
    net, units = net.eval(), CALLS * BATCH_SIZE
    with (
        _quiet(),
        torch._inductor.config.patch(freezing=True),
    ):  # weights are constants: a fair fp32
        sides = [
            peer(
                form,
                lambda make=make: _work(make()),
                units=units,
                than="" if form == COMPILED else COMPILED,
                reach="≥ 3.5" if "int8" in form else "",
            )
            for form, make in forms_of(net).items()
        ]
        note = (
            "Batches of 64; int8 calibrated on 512 images. "
            "What a form costs in accuracy stands in its recipe."
        )
        return group(f"Answer by {name}, 28×28, one thread", "image", sides, rounds, note)


def forms_of(net: nn.Module) -> dict[str, Callable[[], Form]]:
    """Return what makes each form, by name; it raises `ImportError` where a library is missing."""
    return {
        COMPILED: lambda: torch.compile(net, dynamic=False),
        "eager, fp32": lambda: net,
        "AOTInductor, fp32": lambda: _ahead(net),
        "ONNX Runtime, fp32": lambda: _onnx(net, int8=False),
        "PT2E, compiled, int8": lambda: _pt2e(net),
        "ONNX Runtime, int8": lambda: _onnx(net, int8=True),
    }


@contextmanager
def _quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)  # exporters tell of their inner workings
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _work(form: Form) -> Callable[[], None]:
    batch = images().train.x[:BATCH_SIZE].contiguous()

    @torch.no_grad()
    def work() -> None:
        for _ in range(CALLS):
            form(batch)

    return work


def _exported(net: nn.Module) -> torch.export.ExportedProgram:
    return torch.export.export(net, (images().train.x[:BATCH_SIZE],))


def _ahead(net: nn.Module) -> Form:
    with tempfile.TemporaryDirectory() as folder:
        path = torch._inductor.aoti_compile_and_package(
            _exported(net), package_path=f"{folder}/net.pt2"
        )
        loaded: Form = torch._inductor.aoti_load_package(path)
    return loaded


def _pt2e(net: nn.Module) -> Form:
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    quantizer = x86.X86InductorQuantizer()
    quantizer.set_global(x86.get_default_x86_inductor_quantization_config())
    prepared = prepare_pt2e(_exported(net).module(), quantizer)
    for part in images().train.x[:512].split(BATCH_SIZE):
        prepared(part)
    compiled: Form = torch.compile(convert_pt2e(prepared), dynamic=False)
    return compiled


def _onnx(net: nn.Module, *, int8: bool) -> Form:
    from onnxruntime import InferenceSession, SessionOptions
    from onnxruntime.quantization import CalibrationDataReader, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        batches = iter(images().train.x[:512].split(BATCH_SIZE))

        def get_next(self) -> dict[str, Any] | None:
            return next(({"x": batch.numpy()} for batch in self.batches), None)

    options = SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        floats, ready, integers = (
            Path(folder) / f"{name}.onnx" for name in ("fp32", "ready", "int8")
        )
        torch.onnx.export(
            _exported(net), (), floats, input_names=["x"], external_data=False, verbose=False
        )
        if int8:
            quant_pre_process(floats, ready)  # folds BatchNorm into convolutions
            quantize_static(ready, integers, Reader(), per_channel=True)
        session = InferenceSession(integers if int8 else floats, options, ["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x.numpy()})[0]
