"""A study for small books: the real registry, panels and table, without torch and its seconds.

What its check has seen is new on every run. A test holds its records against the real study's.
"""

import time
from dataclasses import asdict
from typing import Any

from IPython.display import display

from recipes_lib.evidence import cards
from recipes_lib.evidence.claims import Case, Claim
from recipes_lib.evidence.registry import registered
from recipes_lib.evidence.verdicts import judge

VERSIONS = {"device": "cpu", "processor": "A processor", "threads": 1, "torch": "2.0"}
FIXED = {
    "why_none": "",
    "lacks": "",
    "n": 8,
    "kind": "Student",
    "sides": [None, None],
    "seed": 0,
    "device": "cpu",
    "scale": "quick",
    "dataset": "digits",
    "binding": True,
    "versions": VERSIONS,
}


class Study:
    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.checks: list[dict[str, Any]] = []

    def check(self, statement: str, holds: bool = True) -> None:
        self.checks.append({"statement": statement, "holds": holds, "seen": str(time.time())})
        line = cards.measured(cards.check_line(self.checks[-1]))
        self._show(statement, line, {"check": self.checks[-1]})

    def claim(self, id: str, *effects: float) -> None:
        """Make a claim whose cases have these effects, each known exactly."""
        claim = registered().claims[id]
        made = [self._record(claim, *pair) for pair in zip(claim.cases, effects, strict=True)]
        self.records += made
        self._show(cards.plain(made), cards.panel(made), {"claim": made})

    def summary(self) -> None:
        self._show("summary", cards.measured(cards.glance(self.records)), {"summary": True})

    def _record(self, claim: Claim, case: Case, effect: float) -> dict[str, Any]:
        interval = (effect, effect)
        verdict, instead = judge(interval, case.unit, case.better, case.margin)
        found = {"verdict": verdict, "instead": instead, "effect": effect, "interval": interval}
        said = {
            "id": claim.id,
            "case": case.name,
            "recipe": claim.recipe,
            "statement": claim.statement,
            "sources": [source.short for source in claim.sources],
            "registered": claim.digest,
            "checks": list(self.checks),
        }
        fixed = {name: value for name, value in asdict(case).items() if name != "name"}
        return fixed | said | FIXED | found

    def _show(self, text: str, html: str, metadata: dict[str, Any]) -> None:
        display({"text/plain": text, "text/html": html}, raw=True, metadata=metadata)
