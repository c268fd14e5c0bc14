"""How far nets overfit, and whether their confidence is honest."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

if TYPE_CHECKING:
    import pandas as pd


@torch.no_grad()
def confidence(runs: Any) -> "pd.DataFrame":
    """Return a row a run: `gap`, the test loss less the training loss; `loss` and `accuracy` in
    test; `over`, mean confidence less accuracy; `error`, the calibration error; and `warm`, the
    same with one temperature for the logits, of lowest loss in validation (Guo et al. 2017).

    >>> confidence(fit_many(make_net, splits, runs, **how)).error.mean()
    """
    import pandas as pd

    rows = []
    for row, run in enumerate(runs.runs):
        net, drawn = runs.net(row).eval().cpu(), runs.draw(run["seed"])
        parts = [(part.x.cpu(), part.y.cpu()) for part in (drawn.train, drawn.valid, drawn.test)]
        train, valid, (logits, y) = [(net(x), y) for x, y in parts]
        loss, right = cross_entropy(logits, y), (logits.argmax(1) == y).float().mean()
        over = logits.softmax(1).amax(1).mean() - right
        errors = _error(logits, y), _error(logits / _temperature(*valid), y)
        rows.append([loss - cross_entropy(*train), loss, right, over, *errors])
    names = ["gap", "loss", "accuracy", "over", "error", "warm"]
    return pd.DataFrame(torch.tensor(rows).numpy().astype(float), columns=names)


def _temperature(logits: Tensor, y: Tensor) -> float:
    tried = torch.logspace(-1, 1, 201)
    losses = torch.stack([cross_entropy(logits / temperature, y) for temperature in tried])
    return tried[losses.argmin()].item()


def _error(logits: Tensor, y: Tensor) -> Tensor:
    from torchmetrics.functional.classification import multiclass_calibration_error  # late: slow

    return multiclass_calibration_error(logits.softmax(1), y, num_classes=logits.shape[1])
