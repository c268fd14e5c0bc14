"""Muon for matrices, AdamW for all else, at one rate (Jordan et al. 2024; Liu et al. 2025)."""

from collections.abc import Sequence
from typing import Any

import torch

Groups = Sequence[dict[str, Any]]


class MuonAndAdamW:
    """`torch.optim.Muon` and `torch.optim.AdamW` as one optimizer; either may have no weight."""

    def __init__(self, matrices: Groups, rest: Groups, momentum: float, **shared: Any) -> None:
        self.steppers: list[torch.optim.Optimizer] = []
        if matrices:
            # Scaled like this, its updates are as large as AdamW's, so that one rate serves both.
            alike: dict[str, Any] = {"adjust_lr_fn": "match_rms_adamw", **shared}
            self.steppers.append(torch.optim.Muon([*matrices], momentum=momentum, **alike))
        if rest:
            self.steppers.append(torch.optim.AdamW([*rest], **shared))
        self.param_groups = [mine for stepper in self.steppers for mine in stepper.param_groups]

    def step(self) -> None:
        """Update all weights."""
        for stepper in self.steppers:
            stepper.step()


def muon(groups: Groups, **shared: Any) -> MuonAndAdamW:
    """Make Muon for every matrix of the groups, AdamW for all else."""
    return MuonAndAdamW(_only(groups, matrices=True), _only(groups, matrices=False), **shared)


def _only(groups: Groups, *, matrices: bool) -> list[dict[str, Any]]:
    """Return the groups with their matrices alone, or with all else; none that is empty."""
    parts = [[w for w in group["params"] if (w.dim() == 2) == matrices] for group in groups]
    return [{**group, "params": part} for group, part in zip(groups, parts, strict=True) if part]
