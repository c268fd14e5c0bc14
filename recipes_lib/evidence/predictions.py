"""Two figures of what a classifier says: which classes it takes for which, and its mistakes."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor

MOST_NAMES, MOST_COUNTS = 40, 12  # classes, above which names or counts would overlap


def confusion(truth: Tensor, said: Tensor, classes: Sequence[str]) -> Axes:
    """Draw how often a picture of each class, `truth` (N,), is taken for each, `said` (N,).

    Rows are true classes, shaded by their shares; numbers are counts.
    """
    counts = torch.zeros(len(classes), len(classes), dtype=torch.long)
    counts.index_put_((truth.cpu(), said.cpu()), torch.tensor(1), accumulate=True)
    shares = (counts / counts.sum(1, keepdim=True).clamp(min=1)).numpy()
    inches = min(6.0, 2.4 + 0.3 * len(classes))
    _, ax = plt.subplots(figsize=(inches + 0.8, inches))
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ax.grid(visible=False)
    ax.set(xlabel="the model says", ylabel="it is")
    if len(classes) <= MOST_NAMES:
        ax.set_xticks(range(len(classes)), classes, rotation=60, ha="right")
        ax.set_yticks(range(len(classes)), classes)
    if len(classes) <= MOST_COUNTS:
        for row, column in counts.nonzero().tolist():
            ink = "white" if shares[row, column] > 0.5 else "black"
            ax.text(column, row, str(int(counts[row, column])), ha="center", va="center", color=ink)
    return ax


def mistakes(x: Tensor, truth: Tensor, chances: Tensor, classes: Sequence[str]) -> None:
    """Draw the up to eight mistakes that the model is surest of.

    From images `x` (N, C, H, W) in 0 … 1, their classes `truth` (N,) and the model's `chances`
    (N, classes).
    """
    sure, said = chances.max(1)
    wrong = (said != truth).nonzero().flatten()
    worst = wrong[sure[wrong].argsort(descending=True)][:8].tolist()
    _, axes = plt.subplots(2, 4, figsize=(7, 3.9))
    for ax in axes.flat:
        ax.axis("off")
    for ax, index in zip(axes.flat, worst, strict=False):
        picture = x[index].permute(1, 2, 0).cpu().numpy()  # (H, W, C)
        ax.imshow(
            picture.squeeze(-1) if picture.shape[-1] == 1 else picture, cmap="gray", vmin=0, vmax=1
        )
        right, taken = (classes[int(part[index])][:18] for part in (truth, said))
        ax.set_title(f"{right},\nnot {taken} ({sure[index]:.0%})", fontsize="small")
