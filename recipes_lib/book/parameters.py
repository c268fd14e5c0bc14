"""The parameters that a reader gives: known, of the right type, and usable on this machine."""

import ast
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from recipes_lib.book.errors import BookError, nearest
from recipes_lib.book.project import Recipe
from recipes_lib.given import check_seed

SCALES = ("quick", "full")
OUTPUTS = ("save_to",)  # paths that a run writes to


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
    try:
        return CHECKS[name](value) if name in CHECKS else value
    except ValueError as error:
        raise BookError(str(error)) from error


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


def _dataset(dataset: str) -> str:
    return _usable(dataset, Path.cwd())


@cache
def _usable(dataset: str, here: Path) -> str:
    """Return the name of a data set, or, where it names a folder from `here`, the whole path.

    Each kernel works in a scratch folder, where a relative path would lead nowhere.
    """
    from recipes_lib import data
    from recipes_lib.data.paths import given_path

    if dataset in data.EMBEDDED or dataset in data.TORCHVISION:
        return dataset
    try:
        data.load(dataset)
        return str(given_path(dataset).resolve())
    except (ValueError, FileNotFoundError) as error:
        raise BookError(str(error)) from error


def _save_to(folder: str) -> str:
    from recipes_lib.data.paths import as_path

    if not folder:
        return ""
    path = as_path(folder).absolute()
    there = next(place for place in (path, *path.parents) if os.path.lexists(place))
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise BookError(f"cannot save to {folder}: {there} is no folder to write to; give another")
    return str(path)


def made(parameters: Mapping[str, Any]) -> bool:
    """Whether the model that a run was to save, if it was, is there."""
    folder = parameters.get("save_to")
    return not folder or (Path(folder) / "model.safetensors").is_file()


CHECKS: dict[str, Callable[[Any], Any]] = {
    "scale": _scale,
    "device": _device,
    "seed": check_seed,
    "dataset": _dataset,
    "save_to": _save_to,
}
