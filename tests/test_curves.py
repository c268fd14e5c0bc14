import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from recipes_lib.data.splits import Split, Splits
from recipes_lib.evidence.curves import by_setting, by_side, by_size
from recipes_lib.evidence.intervals import mean_interval
from recipes_lib.evidence.tuning import METRICS, Tuned


class Trained:
    """What training returned: it knows the splits of a seed."""

    def draw(self, seed):
        parts = [Split(torch.zeros(size, 1), torch.zeros(size)) for size in (6, 2, 3)]
        return Splits(*parts, ("ant", "bee"))


def tuned(values):
    settings = [{"lr": 0.1}, {"lr": 1.0}]
    scores = np.array([[0.5, 0.6, 0.7], [0.8, 0.7, 0.9]])
    seeds = ([0, 1, 2], [3, 4, 5])
    return Tuned(METRICS["accuracy"], settings, scores, np.array(values), Trained(), None, *seeds)


@pytest.fixture
def ax():
    yield plt.subplots()[1]
    plt.close("all")


def bounds(ax):
    path = ax.collections[0].get_paths()[0].vertices
    return path[:, 1].min(), path[:, 1].max()


def test_by_size_draws_means_with_the_corrected_interval(ax):
    sides = {1: tuned([0.1, 0.2, 0.3]), 10: tuned([0.6, 0.7, 0.8])}
    by_size(ax, sides, label="scratch")
    assert ax.lines[0].get_xdata().tolist() == [1, 10]
    assert ax.lines[0].get_ydata() == pytest.approx([0.2, 0.7])
    low, high = mean_interval(np.array([[0.1, 0.6], [0.2, 0.7], [0.3, 0.8]]), 0.5)
    assert bounds(ax) == pytest.approx((low[0], high[1]))


def test_by_setting_draws_tuning_scores(ax):
    by_setting(ax, tuned([0.1, 0.2, 0.3]), "lr", color="black")
    assert ax.lines[0].get_xdata().tolist() == [0.1, 1.0]
    assert ax.lines[0].get_ydata() == pytest.approx([0.6, 0.8])
    low, high = mean_interval(np.array([[0.5, 0.8], [0.6, 0.7], [0.7, 0.9]]), 0.5)
    assert bounds(ax) == pytest.approx((low[0], high[1]))


def test_by_side_draws_each_side_as_a_row_with_the_corrected_interval(ax):
    by_side(ax, {"dense": tuned([0.1, 0.2, 0.3]), "pruned": tuned([0.6, 0.7, 0.8])})
    assert [label.get_text() for label in ax.get_yticklabels()] == ["dense", "pruned"]
    assert ax.lines[0].get_xdata() == pytest.approx([0.2, 0.7])
    low, high = mean_interval(np.array([[0.1, 0.6], [0.2, 0.7], [0.3, 0.8]]), 0.5)
    reach = ax.collections[0].get_segments()
    assert [one[:, 0].tolist() for one in reach] == [
        pytest.approx(pair) for pair in zip(low, high, strict=True)
    ]
