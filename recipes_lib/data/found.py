"""What was found in a reader's data, said before it is trained on: counts, copies, what is left
out.
"""

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from torch import Tensor

from recipes_lib.data.division import how
from recipes_lib.data.parts import NAMES

NAMED = 20  # names in one message, and rows in one table


@dataclass(frozen=True)
class Found:
    """Data of a reader: `names` of the items that are readable, their classes `y` (N,), their
    `part` (N,), and a `digest` of each, the same for copies; why others were `broken`.
    """

    source: Path
    items: str  # "pictures", "series" or "texts"
    classes: tuple[str, ...]
    names: Sequence[str]
    y: Tensor
    part: np.ndarray
    digests: Sequence[bytes]
    broken: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def announce(self, stacklevel: int) -> None:
        """Print a table of it, once, and warn of what was left out and of copies.

        Raises `ValueError` where more is broken than not.
        """
        left_out = self._left_out()
        head = f"{self.source}: {len(self.y)} {self.items} of {len(self.classes)} classes"
        lines = [how(self.part), *self._balance(), *self.notes]
        if len(self.y):
            _say("\n".join([head, self._table(), *(f"- {line}" for line in lines)]))
        for warning in [*left_out, *self._copies()]:
            warnings.warn(f"{self.source}: {warning}", stacklevel=stacklevel + 1)

    def _counts(self) -> dict[str, list[int]]:
        labels = self.y.numpy()
        return {
            part or self.items: np.bincount(
                labels[self.part == part], minlength=len(self.classes)
            ).tolist()
            for part in ("", *NAMES)
            if part in self.part
        }

    def _table(self) -> str:
        import pandas as pd

        table = pd.DataFrame(self._counts(), index=list(self.classes))
        return table.to_string(max_rows=2 * NAMED)

    def _balance(self) -> list[str]:
        counts, lines = self._counts(), []
        trained = counts.get("train", counts.get(self.items, [0]))
        few, many = (pick(trained) for pick in (min, max))
        if few != many:
            rare, common = (self.classes[trained.index(count)] for count in (few, many))
            share = many / sum(trained)
            lines.append(
                f"classes are unequal: from {few} ({rare}) to {many} ({common}) {self.items}; "
                f"to say {common} each time is right in {share:.0%} of them"
            )
        for part, found in counts.items():
            absent = [name for name, count in zip(self.classes, found, strict=True) if not count]
            lines += [f"{part} has no {self.items} of {listed(absent)}"] if absent else []
        return lines

    def _left_out(self) -> list[str]:
        if not self.broken:
            return []
        total = len(self.names) + len(self.broken)
        reasons = defaultdict(list)
        for name, why in self.broken.items():
            reasons[why].append(name)
        named = ", ".join(f"{listed(names)} ({why})" for why, names in reasons.items())
        kind = {"pictures": "picture", "texts": "text with a label"}.get(self.items, self.items)
        if 2 * len(self.broken) > total:
            of = f"{len(self.broken)} of {total} {self.items} in {self.source}"
            raise ValueError(f"{of} are not readable: {named}; mend the folder")
        return [
            f"left out what is no readable {kind}: {named}; {len(self.broken)} of {total} in all"
        ]

    def _copies(self) -> list[str]:
        rows = defaultdict(list)
        for row, digest in enumerate(self.digests):
            rows[digest].append(row)
        same = [group for group in rows.values() if len(group) > 1]
        parts, labels = self.part.tolist(), self.y.tolist()
        across = [group for group in same if len({parts[row] for row in group}) > 1]
        within = [group for group in same if len({parts[row] for row in group}) == 1]
        torn = [group for group in same if len({labels[row] for row in group}) > 1]
        risk = (
            "copies may be tested on that were trained on"
            if "" in self.part
            else "keep one of each"
        )
        found = [
            (across, "in several parts", "what is tested on was trained on; keep one of each"),
            (within, "more than once", risk),
            (torn, "in several classes", "keep the one that is right"),
        ]
        return [
            f"equal {self.items} {where}, {sum(map(len, groups))} in all: {self._equal(groups)}; "
            f"{remedy}"
            for groups, where, remedy in found
            if groups
        ]

    def _equal(self, groups: list[list[int]]) -> str:
        return listed([" = ".join(self.names[row] for row in group[:3]) for group in groups])


def listed(names: Sequence[str]) -> str:
    """Return the first of some names, and how many there are more."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


@cache
def _say(text: str) -> None:
    """Print a text once: each replicate reads the same folder."""
    print(text, flush=True)
