"""A recipe depends on the modules that its imports reach, and on no others."""

import shutil
from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from conftest import Invoke, recipe
from test_book_run import statuses

from recipes_lib.book import fingerprint
from recipes_lib.book.errors import BookError
from recipes_lib.book.reach import Library

FILES = {
    "__init__.pyi": "from . import alone as alone\nfrom .data import load as load\n",
    "alone.py": "",
    "train.py": "def fit():\n    from lib.data.sets import load\n",
    "data/__init__.pyi": "from .sets import load as load\n",
    "data/sets.py": "import os\nfrom ..alone import one\n",
    "data/deep/__init__.py": "",
    "data/deep/folders.py": "",
    "nets/__init__.py": "",
    "nets/models.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lib.train import fit\n"
    ),
}
EVERYTHING = {"alone", "train", "data", "sets", "deep", "folders", "nets", "models"}


def write(folder: Path, files: dict[str, str]) -> Library:
    for name in ("__init__.py", "data/__init__.py", *files):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files.get(name, ""))
    return Library(folder)


@pytest.mark.parametrize(
    ("source", "expected"),
    {
        "": set(),
        "import os\nfrom library import load": set(),
        "from lib import load": {"data", "sets", "alone"},
        "from lib.data import load": {"data", "sets", "alone"},
        "from lib.data.sets import load": {"data", "sets", "alone"},
        "from lib import alone as a": {"alone"},
        "from lib import data": {"data", "sets", "deep", "folders", "alone"},
        "from lib.data import deep": {"data", "deep", "folders"},
        "from lib.data import no_such_name": {"data", "sets", "deep", "folders", "alone"},
        "from lib import *": EVERYTHING,
        "import lib.nets": EVERYTHING,
        "import lib.nets.models as models": {"nets", "models"},
        "from lib.train import fit": {"train", "data", "sets", "alone"},
        "if seed:\n    %pip install lib\n    from lib import alone": {"alone"},
        "!pip install lib": set(),
        "found = !ls": set(),
        "try:\n    f()\nexcept OSError:\n    from lib import alone": {"alone"},
        "match f():\n    case 1:\n        from lib import alone": {"alone"},
        "found = !ls\nfrom lib import alone": EVERYTHING,
    }.items(),
)
def test_an_import_reaches_what_its_names_lead_to(
    tmp_path: Path, source: str, expected: set[str]
) -> None:
    found = write(tmp_path / "lib", FILES).reach(["x = 1", source])
    assert {name.split(".")[-1] for name in found} - {"lib"} == expected
    assert ("lib" in found) == bool(expected)


def test_a_module_counts_by_what_it_says(tmp_path: Path) -> None:
    before = write(tmp_path / "lib", FILES).reach(["from lib import load"])
    after = write(tmp_path / "lib", FILES | {"alone.py": "# Anew."}).reach(["from lib import load"])
    assert [name for name in before if before[name] != after[name]] == ["lib.alone"]


def test_a_new_subpackage_is_seen(tmp_path: Path) -> None:
    files = FILES | {"alone.py": "from lib.new.deep import fast", "new/deep/__init__.py": ""}
    stub = {"new/deep/__init__.pyi": "from .fast import fast", "new/deep/fast.py": "fast = 1"}
    found = write(tmp_path / "lib", files | stub | {"new/__init__.py": ""}).reach(
        ["from lib import load"]
    )
    assert found.keys() >= {"lib.new", "lib.new.deep", "lib.new.deep.fast"}


def test_a_module_that_is_no_python_is_named(tmp_path: Path) -> None:
    library = write(tmp_path / "lib", FILES | {"alone.py": "def"})
    with pytest.raises(BookError, match=r"alone\.py is not Python \(invalid syntax, line 1\)"):
        library.reach(["from lib import load"])


def test_a_module_reruns_the_recipes_that_reach_it_alone(
    make_book: Callable[..., Path],
    recipes_command: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    library = tmp_path / "recipes_lib"
    shutil.copytree(fingerprint.LIBRARY.folder, library)
    write(library / "new", {"__init__.pyi": "from .one import a\nfrom .two import b\n"})
    for module, text in {"one": "a = 1\n", "two": "from recipes_lib.train import fit\n"}.items():
        (library / "new" / f"{module}.py").write_text(text)
    imports = "if seed < 0:\n    from recipes_lib.new import {}".format
    root = make_book(one=recipe(imports("a")), two=recipe(imports("b")))

    def ran(comment_in: str) -> set[str]:
        with (library / comment_in).open("a") as file:
            file.write("# A comment.\n")
        monkeypatch.setattr(fingerprint, "LIBRARY", Library(library))
        assert recipes_command("run").exit_code == 0
        found = statuses(root / "_build" / "executed")
        return {name for name, status in found.items() if status == "passed"}

    assert ran("new/one.py") == {"one", "two"}
    assert ran("new/one.py") == {"one"}
    assert ran("train.py") == {"two"}
    assert ran("claims.toml") == ran("deploy/__init__.py") == set()
    assert ran("__init__.py") == {"one", "two"}


def test_the_library_has_no_circle_of_imports() -> None:
    imported = fingerprint.LIBRARY.imported
    assert "recipes_lib.book.execute" in imported["recipes_lib.book.run"]
    try:
        TopologicalSorter(imported).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))
