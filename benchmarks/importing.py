"""What a chapter imports, in fresh processes, against torch alone."""

import subprocess
import sys
from functools import partial
from typing import Any

from benchmarks.timing import Side, group

TORCH = "import torch"
PYPLOT = f"{TORCH}; import matplotlib.pyplot"
CHAPTER = f"{PYPLOT}; from recipes_lib import Study, fit_many, grid, load, mlp, plots, schedules"
TIMED = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def importing(rounds: int) -> dict[str, Any]:
    """Import torch, torch with matplotlib, and what the chapters use of the library besides."""
    how: dict[str, Any] = {"than": TORCH, "relation": "× the time of", "reports": True}
    sides = [
        Side(TORCH, partial(_seconds, TORCH), reports=True),
        Side("a chapter's imports", partial(_seconds, CHAPTER), **how, reach="≤ 1.7"),
        Side("torch and pyplot alone", partial(_seconds, PYPLOT), **how),
    ]
    note = "Each in a fresh process, whose own start is not counted."
    return group("What a chapter imports", "import", sides, rounds, note)


def _seconds(imports: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(imports)], check=True, capture_output=True, text=True
    )
    return float(done.stdout)
