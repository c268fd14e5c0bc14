"""The page on the library: every public name has an example there, and what it shows is true."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import recipes_lib

TEXT = (Path(__file__).parent.parent / "library.md").read_text(encoding="utf-8")
# Doctest would take a fence for output; blank lines in their place keep the numbers of lines.
EXAMPLES = re.sub(r"^```.*$", "", TEXT, flags=re.MULTILINE)
RUN = "import doctest, sys; sys.exit(doctest.testfile(sys.argv[1], module_relative=False).failed)"


def test_every_example_of_the_page_shows_what_comes_out(tmp_path: Path) -> None:
    """In a process of its own, for it sets the style of figures."""
    (tmp_path / "library.md").write_text(EXAMPLES, encoding="utf-8")
    environment = {**os.environ, "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", RUN, tmp_path / "library.md"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


def test_every_public_name_has_an_example() -> None:
    found = doctest.DocTestParser().get_examples(EXAMPLES)
    used = set(re.findall(r"\w+", "\n".join(example.source for example in found)))
    assert sorted(set(recipes_lib.__all__) - used) == []


def test_every_public_name_is_explained_in_the_text() -> None:
    prose = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    assert sorted(set(recipes_lib.__all__) - set(re.findall(r"`(\w+)`", prose))) == []
