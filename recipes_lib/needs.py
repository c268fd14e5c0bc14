"""What a recipe needs beyond the library's own requirements, installed where it is missing."""

import shlex
import subprocess
import sys
from importlib import invalidate_caches
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

KEPT = ("torch", "torchvision", "numpy")  # what a hosted notebook has, for its own accelerator


def need(*names: str) -> None:
    """Install those of the library's optional packages that are missing or too old here.

    torch and numpy stay as they are, and where nothing is missing, no index is asked. Raises
    `ImportError` where pip fails.
    """
    known = {wanted.name: wanted for wanted in map(Requirement, requires("pytorch-recipes") or [])}
    wanted = [known[name] for name in names]
    missing = [f"{one.name}{one.specifier}" for one in wanted if not _is_met(one)]
    if missing:
        _install(missing)


def _is_met(wanted: Requirement) -> bool:
    installed = _installed(wanted.name)
    return installed is not None and wanted.specifier.contains(installed, prereleases=True)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _install(missing: list[str]) -> None:
    kept = [f"{name}=={found}" for name in KEPT if (found := _installed(name))]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, *missing, *kept], capture_output=True, text=True, check=False)
    if done.returncode:
        cause = (done.stderr.strip().splitlines() or ["pip was stopped"])[-1]
        remedy = f"install them by hand, for example: uv pip install {shlex.join(missing)}"
        raise ImportError(f"this recipe needs {', '.join(missing)} ({cause}); {remedy}")
    invalidate_caches()
