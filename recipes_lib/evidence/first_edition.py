"""The first edition's way to make a claim, for chapters that are not yet converted."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from numpy.typing import ArrayLike

from recipes_lib.evidence import study
from recipes_lib.evidence.claims import Case, Claim
from recipes_lib.evidence.records import record
from recipes_lib.evidence.registry import registered
from recipes_lib.evidence.study import Choice


@dataclass
class Study:
    """As `evidence.Study`, with seeds by number and claims whose call brings margins."""

    device: Any
    scale: str
    seed: int
    dataset: str
    book_dataset: str
    _study: study.Study = field(init=False)

    def __post_init__(self) -> None:
        self._study = study.Study("", self.device, self.scale, self.seed, self.dataset)
        self.device = self._study.device

    def seeds(self, quick: int = 8, full: int = 32) -> list[int]:
        """One seed per replicate; those of different base seeds never meet."""
        return [1000 * self.seed + replicate for replicate in range(self.pick(quick, full))]

    def pick(self, quick: Choice, full: Choice) -> Choice:
        """Choose by scale."""
        return self._study.pick(quick, full)

    def claim(
        self,
        id: str,
        statement: str,
        treatment: ArrayLike,
        control: ArrayLike,
        *,
        source: str,
        expect: str,
        case: str = "",
        better: Any = "higher",
        margin: float = 0.0,
        ratio: bool = False,
        lacks: str = "",
    ) -> None:
        """Put a claim to the test on paired replicates, (n,) and (n,), and display its card."""
        unit: Any = "ratio" if ratio else "difference"
        changes = {"better": better, "margin": margin, "unit": unit, "resplit": False}
        self._one(id, case, statement, (treatment, control), lacks, **changes)

    def claim_equal(
        self,
        id: str,
        statement: str,
        treatment: torch.Tensor | Sequence[float],
        control: torch.Tensor | Sequence[float],
        *,
        source: str,
        expect: str,
        case: str = "",
        tolerance: float = 0.0,
    ) -> None:
        """Put to the test that two things of one shape are the same within `tolerance`."""
        changes: dict[str, Any] = {"unit": "largest difference", "margin": tolerance}
        self._one(id, case, statement, (treatment, control), "", **changes)

    def _one(
        self, id: str, name: str, statement: str, sides: Any, lacks: str, **changes: Any
    ) -> None:
        whole = registered().claims[id]
        (case,) = [one for one in whole.cases if one.name == name] or [_like(whole, name)]
        claim = replace(whole, statement=statement, cases=(replace(case, **changes),))
        unbound = replace(claim, recipe="")  # the first edition did not register replicates
        setting = self._study.setting | {"lacks": lacks}
        found = record(unbound, claim.cases[0], sides, 0, [], setting)
        own = {"recipe": whole.recipe, "registered": whole.digest, "edition": 1}
        self._study.show([found | own])


def _like(claim: Claim, name: str) -> Case:
    """A case of the reader's own data, which the registry cannot name."""
    return replace(claim.cases[0], name=name)
