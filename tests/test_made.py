"""Made data is what it says."""

import torch

from recipes_lib.data.made import stream, texts


def test_rare_words_are_rare_and_even_ones_are_not() -> None:
    rare, even = (texts(0, rare=rare).train.x.mean(0).flatten() for rare in (True, False))
    assert rare[0] > 0.9
    assert rare.median() < 0.01
    assert even.min() > 0.03


def test_a_linear_rule_gives_the_classes_and_noise_blurs_it() -> None:
    clear, noisy = texts(3), texts(3, noisy=True)
    assert torch.equal(clear.test.x, noisy.test.x)
    share = (clear.test.y == noisy.test.y).float().mean()
    assert 0.4 < share < 0.95
    assert [len(part) for part in (clear.train, clear.valid, clear.test)] == [2000, 1000, 1000]


def test_a_stream_depends_on_its_last_point_until_it_is_mixed() -> None:
    (x, _, slopes), (x_mixed, y_mixed, _) = stream(1), stream(1, mixed=True)
    near, far = ((one[1:] * one[:-1]).mean() for one in (x, x_mixed))
    assert near > 0.7
    assert abs(far) < 0.2
    assert torch.equal(x.sort(0).values, x_mixed.sort(0).values)
    assert (y_mixed - x_mixed @ slopes).std() < 1.2
