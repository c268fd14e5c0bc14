"""The parameters that a reader gives: known, of the right type, and usable on this machine."""

import ast
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from recipes_lib.book.errors import BookError, nearest
from recipes_lib.book.project import Recipe

SCALES = ("quick", "full")


def choose(recipe: Recipe, given: Mapping[str, str]) -> dict[str, Any]:
    """Turn words of the command line into typed parameters. Raises `BookError` for a bad one."""
    return {name: _value(recipe, name, text) for name, text in given.items()}


def _value(recipe: Recipe, name: str, text: str) -> Any:
    if name not in recipe.parameters:
        raise BookError(
            f"recipe {recipe.name!r} has no parameter {name!r}; {nearest(name, recipe.parameters)}"
        )
    default = recipe.parameters[name]
    try:
        value = _typed(text, default)
    except (ValueError, SyntaxError, KeyError) as error:
        kind = type(default).__name__
        takes = f"parameter {name!r} of {recipe.name!r} takes {kind}, not {text!r}"
        raise BookError(f"{takes}; try {name} {default}") from error
    return CHECKS[name](value) if name in CHECKS else value


def _typed(text: str, default: Any) -> Any:
    if isinstance(default, bool):
        return {"true": True, "false": False}[text.lower()]
    if isinstance(default, (str, int, float)):
        return type(default)(text)
    value = ast.literal_eval(text)
    if default is not None and not isinstance(value, type(default)):
        raise ValueError(text)
    return value


def _scale(scale: str) -> str:
    if scale not in SCALES:
        raise BookError(f"scale {scale!r} is unknown; {nearest(scale, SCALES)}")
    return scale


@cache
def _device(device: str) -> str:
    if device in ("auto", "cpu"):
        return device
    # Imported late: torch takes seconds, and few calls name a device.
    from recipes_lib.hardware import resolve_device

    try:
        resolve_device(device)
    except ValueError as error:
        raise BookError(str(error)) from error
    return device


@cache
def _dataset(dataset: str) -> str:
    folder = Path(dataset).expanduser()
    if ("/" in dataset or "\\" in dataset) and not folder.is_dir():
        raise BookError(
            f"data folder {dataset} does not exist; give a folder with one sub-folder per class"
        )
    from recipes_lib import data

    if dataset in data.EMBEDDED or dataset in data.TORCHVISION:
        return dataset
    try:
        data.load(dataset)
    except (ValueError, FileNotFoundError) as error:
        raise BookError(str(error)) from error
    # A kernel works in a scratch folder, where a relative path would lead nowhere.
    return str(folder.resolve())


CHECKS: dict[str, Callable[[str], str]] = {"scale": _scale, "device": _device, "dataset": _dataset}
