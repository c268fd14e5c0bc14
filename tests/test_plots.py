import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

from recipes_lib.evidence.plots import band, effects, use_style


@pytest.fixture(autouse=True)
def settings_of_others():
    """Give back the settings of figures that tests elsewhere rely on."""
    with plt.rc_context():
        yield


def test_the_band_is_the_mean_with_students_interval() -> None:
    _, ax = plt.subplots()
    values = np.random.default_rng(0).normal(size=(8, 3))
    values[2, 1] = np.nan
    band(ax, [1, 2, 3], values, label="run")
    (line,) = ax.lines
    assert line.get_xdata() == pytest.approx([1, 3])
    assert line.get_ydata() == pytest.approx(values[:, [0, 2]].mean(axis=0))
    low, high = stats.ttest_1samp(values[:, 0], 0).confidence_interval(0.95)
    outline = ax.collections[0].get_paths()[0].vertices
    at_first = outline[outline[:, 0] == 1, 1]
    assert (at_first.min(), at_first.max()) == pytest.approx((low, high))


def test_the_band_of_shares_is_wilsons_and_stays_within_0_and_1() -> None:
    _, ax = plt.subplots()
    band(ax, [1, 2], [[0, 1], [0, 1], [1, 1], [0, 1]])
    outline = ax.collections[0].get_paths()[0].vertices
    wanted = stats.binomtest(1, 4).proportion_ci(method="wilson")
    at_first = outline[outline[:, 0] == 1, 1]
    assert (at_first.min(), at_first.max()) == pytest.approx((wanted.low, wanted.high))
    assert outline[:, 1].max() == 1


def test_effects_stand_one_a_row_from_the_top() -> None:
    _, ax = plt.subplots()
    effects(ax, ["a", "b"], [0.1, 0.3], [(0.0, 0.2), (0.1, 0.6)])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    bottom, top = ax.get_ylim()
    assert bottom > top
    segments = ax.containers[0].lines[2][0].get_segments()
    assert segments[1][:, 0] == pytest.approx([0.1, 0.6])


def test_the_style_gives_figures_a_ground_of_their_own() -> None:
    use_style()
    assert plt.rcParams["savefig.facecolor"] == "white"
