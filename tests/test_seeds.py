import pytest
import torch

from recipes_lib.seeds import stream


def draw(generator):
    return torch.rand(4, generator=generator)


def test_a_stream_repeats_by_what_and_seed():
    assert draw(stream("head", 3)).equal(draw(stream("head", 3)))


@pytest.mark.parametrize(("what", "seed"), [("head", 4), ("labels", 3), ("head", 3 + 2**40)])
def test_another_thing_or_seed_is_another_stream(what, seed):
    assert not draw(stream("head", 3)).equal(draw(stream(what, seed)))


def test_a_stream_is_not_torch_s_own_of_that_seed_and_leaves_it_alone():
    torch.manual_seed(3)
    own = torch.rand(4)
    torch.manual_seed(3)
    assert not draw(stream("head", 3)).equal(own)
    assert torch.rand(4).equal(own)
