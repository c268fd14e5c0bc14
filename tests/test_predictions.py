import matplotlib.pyplot as plt
import pytest
import torch

from recipes_lib.evidence.predictions import confusion, mistakes


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_confusion_counts_true_classes_in_rows():
    truth, said = torch.tensor([0, 0, 0, 1, 2]), torch.tensor([0, 0, 1, 1, 0])
    ax = confusion(truth, said, ("ant", "bee", "fly"))
    counts = {text.get_position(): text.get_text() for text in ax.texts}
    assert counts == {(0, 0): "2", (1, 0): "1", (1, 1): "1", (0, 2): "1"}
    assert ax.images[0].get_array()[0].tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["ant", "bee", "fly"]


def test_confusion_leaves_out_what_would_overlap():
    truth = torch.arange(50)
    ax = confusion(truth, truth, [str(number) for number in range(50)])
    assert not ax.texts
    assert len(ax.get_yticks()) < 50


def test_mistakes_show_the_surest_first():
    truth = torch.tensor([0, 0, 1, 1])
    chances = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.3, 0.7]])
    mistakes(torch.rand(4, 1, 5, 5), truth, chances, ("ant", "bee"))
    titles = [ax.get_title() for ax in plt.gcf().axes]
    assert titles == ["bee,\nnot ant (80%)", "ant,\nnot bee (60%)", *[""] * 6]


def test_mistakes_of_a_model_that_makes_none_are_an_empty_figure():
    mistakes(torch.rand(2, 3, 5, 5), torch.tensor([0, 1]), torch.eye(2), ("ant", "bee"))
    assert not any(ax.images for ax in plt.gcf().axes)
