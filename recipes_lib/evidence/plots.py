"""The house style, and the two figures that evidence needs: curves with bands, effects with
intervals.
"""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from recipes_lib.evidence.intervals import mean_interval

# Okabe & Ito's palette, told apart by colour-blind readers too; yellow and black are left out.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]


def use_style() -> None:
    """Set the house style. Figures carry a white ground of their own, so they read the same on a
    dark page.
    """
    from matplotlib_inline.backend_inline import set_matplotlib_formats  # it brings IPython along

    set_matplotlib_formats("retina")
    plt.rcParams.update(
        {
            "figure.figsize": (7.0, 3.8),
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": cycler(color=COLOURS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.titlelocation": "left",
            "grid.color": "#e4e4e4",
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "font.size": 10.5,
        }
    )


def band(
    ax: Axes, x: ArrayLike, values: ArrayLike, *, test_ratio: float = 0.0, **line: Any
) -> None:
    """Draw the mean over replicates, values (replicates, points), with its 95% interval as a band.

    The intervals are those of `intervals.mean_interval`: replicates that split one pool anew want
    `test_ratio`. Points where a replicate is not finite are left out.
    """
    points, runs = np.asarray(x, dtype=float), np.asarray(values, dtype=float)
    whole = np.isfinite(runs).all(axis=0)
    points, runs = points[whole], runs[:, whole]
    (drawn,) = ax.plot(points, runs.mean(axis=0), **line)
    low, high = mean_interval(runs, test_ratio)
    ax.fill_between(points, low, high, color=drawn.get_color(), alpha=0.22, linewidth=0)


def effects(ax: Axes, names: Sequence[str], means: ArrayLike, intervals: ArrayLike) -> None:
    """Draw one effect a row, means (rows,), with its interval, intervals (rows, 2), the first row
    on top.
    """
    rows, centres, bounds = np.arange(len(names)), np.asarray(means), np.asarray(intervals)
    ax.errorbar(centres, rows, xerr=np.abs(bounds.T - centres), fmt="o", capsize=4)
    ax.set_yticks(rows, names)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
