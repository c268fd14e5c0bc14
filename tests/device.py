"""A device for tests, "dummy": the manners of an accelerator, with values on the processor.

It takes the slot that PyTorch keeps for backends from outside, PrivateUse1. As on CUDA and Metal,
tensors of two devices do not mix, device draws come from the device's own generator, and values
reach NumPy only by `cpu()`. With `backend.has_float64 = False` it refuses float64, as Metal does.

torch starts a thread for each device that it knows at the first `backward`. So import this before;
from then on it is the accelerator of the process. Without C++ a backend has one device.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch._decomp import decompositions
from torch.utils._mode_utils import no_dispatch
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

COPIES = {"_to_copy", "copy_"}
# These take an index, or a single number, that lies on the processor; so do pointwise kernels.
INDEXED = {"index", "index_put", "index_put_", "_index_put_impl_"}
SCALARS = {"fill_", "masked_fill", "masked_fill_"}
WAITS = {torch.Tag.dynamic_output_shape, torch.Tag.data_dependent_output}
# Factories that make what the device does not have.
OTHERS = ("sparse", "quantized", "cudnn", "mkldnn", "nested", "from_file", "dep_token")


class Backend:
    """`torch.dummy`: what torch asks a device for, and what tests do.

    `kernels` counts what ran, by name; `copies` from and to the processor; `waits`, how often the
    processor had to wait for the device.
    """

    def __init__(self) -> None:
        self.has_float64 = True
        self.manual_seed_all(0)
        self.reset()

    def reset(self) -> None:
        """Count anew."""
        self.kernels: Counter[str] = Counter()
        self.copies = self.waits = 0

    def is_available(self) -> bool:
        return True

    def is_initialized(self) -> bool:
        return True

    def device_count(self) -> int:
        return 1

    def current_device(self) -> int:
        return 0

    def _is_in_bad_fork(self) -> bool:
        return False

    def synchronize(self, device: object = None, /) -> None:
        self.waits += 1

    def manual_seed_all(self, seed: int) -> None:
        self._random = torch.Generator().manual_seed(seed).get_state()

    def get_rng_state(self, device: object = None) -> Tensor:
        return self._random

    def set_rng_state(self, state: Tensor, device: object = None) -> None:
        self._random = state

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Draw from the device's generator."""
        kept = torch.get_rng_state()
        torch.default_generator.set_state(self._random)
        try:
            yield
        finally:
            self._random = torch.get_rng_state()
            torch.default_generator.set_state(kept)


class OnDevice(Tensor):
    """A tensor of the device; `held` has its values, on the processor."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "OnDevice":
        if held.dtype in (torch.float64, torch.complex128) and not backend.has_float64:
            raise TypeError(f"Cannot convert a {DEVICE} Tensor to {held.dtype}: it has no float64")
        self = Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )
        self.held = held
        return self

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(func, args, kwargs or {})

    def __repr__(self) -> str:
        return f"{self.held!r} on {DEVICE}"

    def numpy(self, *, force: bool = False) -> Any:
        if force:
            return self.detach().cpu().numpy()
        raise TypeError(
            f"can't convert {DEVICE} device type tensor to numpy; use Tensor.cpu() first"
        )

    def __format__(self, spec: str) -> str:
        return format(self.detach().cpu(), spec)

    def tolist(self) -> Any:
        return self.detach().cpu().tolist()

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if id(self) not in memo:
            copy = self.detach().clone().requires_grad_(self.requires_grad)
            if isinstance(self, torch.nn.Parameter):
                copy._is_param = True
            memo[id(self)] = copy
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        made = (self.detach().cpu(), self.dtype, str(DEVICE), self.requires_grad)
        return torch._utils._rebuild_device_tensor_from_cpu_tensor, made


def run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Do on the processor what a kernel would do on the device."""
    name = func.overloadpacket.__name__
    given = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, Tensor)]
    _refuse(func, name, given, kwargs.get("generator"))
    target = args[0].device if name == "copy_" else torch.device(kwargs.get("device") or DEVICE)
    here = target.type == DEVICE.type
    fetched = not here and any(isinstance(value, OnDevice) for value in given)
    backend.kernels[name] += 1
    backend.copies += fetched or (here and any(value.is_cpu for value in given))
    masked = any(value.dtype == torch.bool for value in given[1:])
    backend.waits += fetched or (masked if name in INDEXED else bool(WAITS & set(func.tags)))
    if here and kwargs.get("device"):
        kwargs = {**kwargs, "device": torch.device("cpu"), "pin_memory": False}
    random = here and torch.Tag.nondeterministic_seeded in func.tags
    with backend.drawing() if random else nullcontext():
        found = func(*tree_map(_held, args), **tree_map(_held, kwargs))
    if torch.Tag.inplace_view in func.tags:
        with no_dispatch():  # the tensor changes its shape, too
            func(*args, **kwargs)
    return _returned(func, args, kwargs, found) if here else found


def _refuse(func: Any, name: str, given: list[Tensor], generator: Any) -> None:
    """Raise, in torch's words, for what an accelerator does not take."""
    if generator is not None:
        kinds = f"Expected a '{DEVICE.type}' device type for generator but found"
        raise RuntimeError(f"{kinds} '{generator.device.type}'")
    if name in INDEXED and isinstance(given[0], OnDevice):
        given = [value for value in given if value.dtype not in (torch.int64, torch.bool)]
    scalars = torch.Tag.pointwise in func.tags or name in SCALARS | INDEXED
    for value in given if name not in COPIES else ():
        if not isinstance(value, OnDevice) and not (scalars and value.dim() == 0):
            both = f"found at least two devices, {DEVICE} and {value.device}, in {name}"
            raise RuntimeError(f"Expected all tensors to be on the same device, but {both}")


def _returned(func: Any, args: Any, kwargs: Any, found: Any) -> Any:
    """Wrap what a kernel made; what it wrote over is returned as it was given."""
    schema = func._schema
    places = [
        place
        for place, taken in enumerate(schema.arguments)
        if taken.alias_info and taken.alias_info.is_write
    ]
    given = [
        args[place] if place < len(args) else kwargs.get(schema.arguments[place].name)
        for place in places
    ]
    for value in tree_flatten(given)[0]:
        if isinstance(value, OnDevice):
            assert value.shape == value.held.shape, f"{func} changes a shape in place"
    if not any(made.alias_info and made.alias_info.is_write for made in schema.returns):
        return tree_map(_wrapped, found)
    return given[0] if len(schema.returns) == 1 else tuple(given)


def _held(value: Any) -> Any:
    return value.held if isinstance(value, OnDevice) else value


def _wrapped(value: Any) -> Any:
    return OnDevice(value) if isinstance(value, Tensor) else value


def _copy_from(source: Tensor, target: Tensor, non_blocking: bool = False) -> Tensor:
    """Fill a tensor that torch has just made on the device."""
    return run(torch.ops.aten.copy_.default, (target, source), {})


def _factories() -> Iterator[tuple[str, Any]]:
    """Yield the kernels that make a tensor on a device and take none."""
    for full in torch._C._dispatch_get_all_op_names():
        name, _, overload = full.removeprefix("aten::").partition(".")
        if not full.startswith("aten::") or any(other in name for other in OTHERS):
            continue
        func = getattr(getattr(torch.ops.aten, name), overload or "default")
        taken, made = func._schema.arguments, func._schema.returns
        takes_none = not any("Tensor" in str(argument.type) for argument in taken)
        placed = any(argument.name == "device" for argument in taken)
        if placed and takes_none and [str(one.type) for one in made] == ["Tensor"]:
            yield full, func


def _factory(func: Any) -> Any:
    return lambda *args, **kwargs: run(func, args, {**kwargs, "device": DEVICE})


backend = Backend()
_setup_privateuseone_for_python_backend("dummy", backend_module=backend)
DEVICE = torch.device("dummy:0")
# torch's own ask a guard and an allocator that a backend without C++ lacks.
torch.accelerator.synchronize = backend.synchronize
torch.accelerator.empty_cache = lambda: None
# A parameter stays the same object when its net goes to the device.
torch.__future__.set_swap_module_params_on_conversion(True)
library = torch.library.Library("aten", "IMPL")
for full, func in _factories():
    library.impl(full, _factory(func), "PrivateUse1")
library.impl("_copy_from", _copy_from, "PrivateUse1")
# torch would take fused cells, which the processor lacks.
library.impl("lstm.input", decompositions.lstm_impl, "AutogradPrivateUse1")
library.impl("gru.input", decompositions.gru_impl, "AutogradPrivateUse1")
