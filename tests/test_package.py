"""The wheel: what the library needs is in it, and it works where it is installed."""

import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

ROOT = Path(__file__).parent.parent
READ = """\
import sys
sys.path.insert(0, sys.argv[1])
from recipes_lib.book.new import NOTEBOOK, ROWS
from recipes_lib.evidence import registry
assert registry.PATH.is_relative_to(sys.argv[1]), registry.PATH
assert NOTEBOOK.is_file() and ROWS.is_file()
print(len(registry.registered().claims))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*command, "--directory", folder], cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_file_of_the_library(wheel: Path) -> None:
    library = ROOT / "recipes_lib"
    files = {path for path in library.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    wanted = {path.relative_to(ROOT).as_posix() for path in files}
    assert {"recipes_lib/claims.toml", "recipes_lib/py.typed"} <= wanted
    with ZipFile(wheel) as archive:
        assert wanted - set(archive.namelist()) == set()


def test_an_installed_wheel_reads_its_registry(wheel: Path, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", tmp_path, wheel], check=True, capture_output=True)
    command = [sys.executable, "-I", "-c", READ, tmp_path]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    claims = tomllib.loads((ROOT / "recipes_lib" / "claims.toml").read_text(encoding="utf-8"))
    assert int(done.stdout) == len(claims["claim"])


def test_the_citation_and_the_package_say_the_same() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == project["version"]
    assert citation["abstract"] == f"{project['description']}."
    assert citation["license"] == project["license"]
