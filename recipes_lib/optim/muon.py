"""Muon for matrices, AdamW for all else."""

from collections.abc import Sequence
from typing import Any

import torch


class Muon:
    """`torch.optim.Muon` for matrices, AdamW for all else, at one rate (Jordan et al. 2024; Liu et
    al. 2025).
    """

    def __init__(self, groups: Sequence[dict[str, Any]], momentum: float, **shared: Any) -> None:
        (group,) = groups
        matrices = [weight for weight in group["params"] if weight.dim() == 2]
        rest = [weight for weight in group["params"] if weight.dim() != 2]
        self.steppers: list[torch.optim.Optimizer] = []
        if matrices:
            mine = {**group, "params": matrices}
            # Scaled like this, its updates are as large as AdamW's, so that one rate serves both.
            stepper = torch.optim.Muon(
                [mine], momentum=momentum, adjust_lr_fn="match_rms_adamw", **shared
            )
            self.steppers.append(stepper)
        if rest:
            self.steppers.append(torch.optim.AdamW([{**group, "params": rest}], **shared))
        self.param_groups = [mine for stepper in self.steppers for mine in stepper.param_groups]

    def step(self) -> None:
        """Update all weights."""
        for stepper in self.steppers:
            stepper.step()
