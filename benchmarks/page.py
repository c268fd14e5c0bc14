"""The figure of a growing sweep, and the lines that a person at a terminal sees."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from recipes_lib.book.speed import cells
from recipes_lib.evidence.plots import COLOURS, use_style


def lines(group: dict[str, Any]) -> str:
    """Return the group's rows as text."""
    rows = [
        f"  {name:44} {'  '.join(filter(None, rest))}"
        for name, _, *rest in map(cells, group["rows"])
    ]
    return "\n".join([f"{group['title']}, µs per {group['unit']}", *rows])


def draw(group: dict[str, Any], path: Path) -> None:
    """Draw the time per net and step against the number of nets."""
    use_style()
    figure, ax = plt.subplots()
    loop, *stacked = (row["median_us"] for row in group["rows"])
    ax.loglog(group["sizes"], stacked, "o-", base=2, label="stacked, eager")
    ax.axhline(loop, color=COLOURS[1], linestyle="--", label="one after another")
    ax.axvline(group["linear_from"], color="#808080", linestyle=":", label="linear from here on")
    ax.set_xticks(group["sizes"], [f"{size:,}" for size in group["sizes"]])
    ax.set_yscale("log", base=10)
    for axis_format in (ax.yaxis.set_major_formatter, ax.yaxis.set_minor_formatter):
        axis_format("{x:,.0f}")
    ax.set_xlabel("nets in the sweep")
    ax.set_ylabel("µs per net and step")
    ax.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without a date or a version inside, the same record gives the same bytes.
    figure.savefig(path, dpi=200, metadata={"Software": None})
    plt.close(figure)
