"""One recipe in a papermill process and a scratch folder of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import yaml

from recipes_lib.book.errors import BookError
from recipes_lib.book.notebook import read_notebook
from recipes_lib.book.processes import THREADS
from recipes_lib.book.scratch import Scratch

# Two kernels that start at once may pick the same port; the one that comes second dies before it
# says a word.
LOST_START = "Kernel died before replying"
DEAD = "DeadKernelError"
TOO_LITTLE_MEMORY = "Kernel died, maybe of too little memory; run fewer at once, as with --jobs 1"


class Execution:
    """A notebook text under execution by papermill, in a scratch folder, on `threads` threads.

    Its kernel gets `environment` on top of this process's own.
    """

    def __init__(
        self,
        text: str,
        parameters: Mapping[str, Any],
        threads: int,
        environment: Mapping[str, str],
    ) -> None:
        self._scratch = Scratch("recipes-")
        self._folder = self._scratch.folder
        (self._folder / "work").mkdir()
        (self._folder / "in.ipynb").write_text(text, encoding="utf-8")
        self._command = [
            sys.executable,
            "-m",
            "papermill",
            "in.ipynb",
            "out.ipynb",
            "--cwd",
            "work",
        ]
        self._command += [
            "--no-progress-bar",
            *(["-y", yaml.safe_dump(dict(parameters))] if parameters else []),
        ]
        # What somebody has IPython do at its start is no part of a recipe.
        private = self._scratch.environment | {"IPYTHONDIR": str(self._folder / "ipython")}
        self._environment = (
            os.environ | dict.fromkeys(THREADS, str(threads)) | private | dict(environment)
        )
        self._retried = False
        self._start()

    def _start(self) -> None:
        self._started = time.monotonic()
        with (self._folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def seconds(self) -> float:
        """Wall time since the start."""
        return round(time.monotonic() - self._started, 2)

    def poll(self) -> bool | None:
        """Say whether it succeeded; None while it runs."""
        code = self._process.poll()
        if code and LOST_START in self._log() and not self._retried:
            self._retried = True
            self._start()
            return None
        return None if code is None else code == 0

    def notebook(self) -> Any | None:
        """The executed notebook, as far as it came; None where papermill could not even begin."""
        with suppress(BookError):
            return read_notebook(self._folder / "out.ipynb")
        return None

    def error(self) -> str:
        """The error in one line: the failed cell's, else the last that papermill said."""
        notebook = self.notebook()
        outputs = (
            [output for cell in notebook.cells for output in cell.get("outputs", [])]
            if notebook
            else []
        )
        for output in outputs:
            if output.output_type == "error":
                return f"{output.ename}: {output.evalue}".splitlines()[0]
        said, code = self._log().strip().splitlines(), self._process.returncode
        if (code or 0) < 0 or (said and DEAD in said[-1]):
            return TOO_LITTLE_MEMORY
        return said[-1] if said else f"papermill ended with code {code}"

    def close(self) -> None:
        """Kill what still runs and remove the scratch folder."""
        self._scratch.close()
        self._process.wait()

    def _log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")
