"""The workflows: audited by zizmor, each job with a limit of time, and nothing but the book's own
commands.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.core import TyperGroup
from typer.main import get_command

from recipes_lib.book.cli import app

FOLDER = Path(__file__).parent.parent / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))


def test_zizmor_finds_nothing() -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [zizmor, "--offline", "--quiet", *WORKFLOWS]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_job_ends_and_may_read_alone_unless_it_says_more(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 360 for job in workflow["jobs"].values())


def jobs(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())["jobs"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_commands_and_options_of_the_book_exist(path: Path) -> None:
    command = get_command(app)
    assert isinstance(command, TyperGroup)
    steps = [step for job in jobs(path.name).values() for step in job["steps"]]
    lines = [line for step in steps for line in step.get("run", "").splitlines()]
    for words in (line.split() for line in lines if re.match(r"(\S*/)?recipes ", line)):
        options = {name for one in command.commands[words[1]].params for name in one.opts}
        assert {word for word in words if word.startswith("--")} <= options


def test_a_gpu_runs_then_reports_then_is_checked_even_where_a_recipe_fails() -> None:
    run, propose = jobs("gpu.yml")["run"], jobs("gpu.yml")["propose"]
    steps = [step for step in run["steps"] if step.get("run", "").startswith("recipes ")]
    assert [step["run"].split()[1] for step in steps] == ["run", "gpu-report", "check"]
    assert [step.get("if") for step in steps] == [None, "always()", "always()"]
    assert sum(step.get("timeout-minutes", 0) for step in steps) < run["timeout-minutes"]
    assert "--executed" not in steps[2]["run"]
    assert "always()" in propose["if"]


def test_a_change_runs_on_a_gpu_where_one_is_named_and_ci_says_where_none_is() -> None:
    workflow = yaml.safe_load((FOLDER / "gpu.yml").read_text())
    assert "pull_request" in workflow[True]  # `on`, which YAML reads as true
    assert workflow["jobs"]["run"]["if"] == "vars.GPU_RUNNER != ''"
    (step,) = jobs("ci.yml")["gpu"]["steps"]
    assert "GITHUB_STEP_SUMMARY" in step["run"]
    assert "vars.GPU_RUNNER == '' && 'No GPU was asked" in step["env"]["SAID"]
