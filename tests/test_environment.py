"""The three descriptions of the environment say the same."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"pytorch": "torch"}


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


def test_constraints_pin_every_requirement_exactly_and_hold_no_address() -> None:
    lines = [
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and line[0] != "#"
    ]
    assert all(re.fullmatch(r"[a-z0-9.-]+==[\w.]+", line) for line in lines)
    pins = dict(line.split("==") for line in lines)
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    for need in map(Requirement, PROJECT["dependencies"] + extras):
        assert need.specifier.contains(pins[need.name.lower().replace("_", "-")]), need
