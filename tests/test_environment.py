"""The three descriptions of the environment say the same, and a resolver can do what they say.

`RECIPES_REQUIRE_INDEX=1` refuses to skip where no package index answers. By default the oldest and
the newest Python are resolved for, on Linux; `RECIPES_PYTHONS=all` takes each, on each system.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"pytorch": "torch"}
EXTRAS = ("book", "deploy", "scale", "test", "bench")
PYTHONS = ("3.11.0", "3.11.2", "3.12", "3.13", "3.14")
ALL = os.environ.get("RECIPES_PYTHONS") == "all"  # some minutes: each asks for hundreds of packages
# torch's wheels want macOS 14.
SETTINGS = {"MACOSX_DEPLOYMENT_TARGET": "14.0", "UV_HTTP_RETRIES": "10", "UV_NO_PROGRESS": "1"}


def test_environment_yml_holds_the_names_and_bounds_of_pyproject() -> None:
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    *packages, from_index = (line for line in conda if line != "pip")
    listed = [
        Requirement(line) for line in packages + from_index["pip"] if not line.startswith("--")
    ]
    have = {CONDA_NAMES.get(need.name, need.name): need.specifier for need in listed}
    assert have.pop("python") == Requirement(f"python{PROJECT['requires-python']}").specifier
    wanted = [
        Requirement(line)
        for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["book"]
    ]
    assert have == {need.name: need.specifier for need in wanted}


def test_no_requirement_has_an_upper_bound_but_jupyter_book() -> None:
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    capped = {
        need.name
        for need in map(Requirement, PROJECT["dependencies"] + extras)
        if re.search("<|==|~", str(need))
    }
    assert capped == {"jupyter-book"}


def pinned() -> dict[str, str]:
    lines = [
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and line[0] != "#"
    ]
    assert all(re.fullmatch(r"[a-z0-9.-]+==[\w.]+", line) for line in lines)
    return dict(line.split("==") for line in lines)


def test_constraints_pin_every_requirement_exactly_and_hold_no_address() -> None:
    pins = pinned()
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    for need in map(Requirement, PROJECT["dependencies"] + extras):
        assert need.specifier.contains(pins[need.name.lower().replace("_", "-")]), need


def resolve(*options: str) -> str:
    """What uv would install for all extras: by what it knows already, else with the index."""
    extras = [word for extra in EXTRAS for word in ("--extra", extra)]
    command = ["pyproject.toml", "--no-header", "--no-annotate", *extras, *options]
    done = uv(*command, "--offline")
    if done.returncode:
        if not index_answers() and os.environ.get("RECIPES_REQUIRE_INDEX") != "1":
            pytest.skip("no package index answers")
        done = uv(*command)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def index_answers() -> bool:
    return uv("-", "--no-deps", "--refresh", given="packaging").returncode == 0


def uv(*options: str, given: str = "") -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    program = shutil.which("uv", path=path)
    assert program, "uv is not installed; install the extra `test`"
    # A mirror that pip was given serves uv as well.
    index = {"UV_DEFAULT_INDEX": mirror} if (mirror := os.environ.get("PIP_INDEX_URL")) else {}
    return subprocess.run(
        [program, "pip", "compile", *options],
        input=given,
        env=SETTINGS | index | os.environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("system", ["linux", "macos", "windows"] if ALL else ["linux"])
@pytest.mark.parametrize("python", PYTHONS if ALL else [PYTHONS[0], PYTHONS[-1]])
def test_the_constraints_hold_on_every_python_and_system(python: str, system: str) -> None:
    machine = ["--python-version", python, "--python-platform", system]
    pins = ["--constraint", "constraints.txt", "--only-binary", ":all:"]
    found = resolve(*pins, *machine)
    versions = {f"{name}=={version}" for name, version in pinned().items()}
    lines = [re.sub(r"\[.*?\]| ;.*", "", line) for line in found.splitlines()]
    assert [line for line in lines if line not in versions] == []


def test_the_lower_bounds_can_be_installed_together() -> None:
    resolve("--resolution", "lowest-direct", "--python-version", "3.11.0")


def test_every_extra_is_resolved() -> None:
    assert set(EXTRAS) == set(PROJECT["optional-dependencies"])
