"""The small transformer against torch's own block."""

import pytest
import torch
from torch import nn

from recipes_lib.nets.transformer import Block, TinyTransformer


def test_a_block_computes_what_torch_computes() -> None:
    torch.manual_seed(0)
    block = Block(8)
    theirs = nn.TransformerEncoderLayer(8, 1, 16, dropout=0.0, batch_first=True, norm_first=True)
    mine, names = block.state_dict(), {"qkv": "self_attn.in_proj_", "out": "self_attn.out_proj."}
    names |= {"up": "linear1.", "down": "linear2.", "norm1": "norm1.", "norm2": "norm2."}
    theirs.load_state_dict(
        {f"{names[layer]}{kind}": mine[f"{layer}.{kind}"] for layer in names for kind in KINDS}
    )
    x = torch.randn(3, 5, 8)
    torch.testing.assert_close(block(x), theirs(x))


KINDS = ("weight", "bias")


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 7), (1, 1, 3)])
def test_any_image_becomes_tokens(shape: tuple[int, ...]) -> None:
    num_values = torch.Size(shape).numel()
    net = TinyTransformer(num_values, 4)
    x = torch.randn(2, *shape)
    assert net(x).shape == (2, 4)
    other = x.clone()
    other[0, 0, 0, 0] += 1
    assert not torch.equal(net(x)[0], net(other)[0])
    assert torch.equal(net(x)[1], net(other)[1])
