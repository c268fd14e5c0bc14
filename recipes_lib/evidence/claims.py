"""A claim before it is a result: who says so, its cases, their margins by one rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, get_args

from recipes_lib.evidence.verdicts import Better, Unit


class RegistryError(ValueError):
    """A registry or a call that does not keep the rules, in one line."""


@dataclass(frozen=True)
class Metric:
    """What is measured: in which unit, which way is better, the least effect that matters, and
    whether replicates split one pool anew (`resplit`) or are seconds on a clock (`timing`).
    """

    unit: Unit = "difference"
    better: Better = "higher"
    margin: float | None = None  # None: no rule, the registry names one with its reason
    resplit: bool = True
    timing: bool = False


# The one rule for margins: a point of accuracy, 5% of loss, 10% of time and memory.
METRICS = {
    "accuracy": Metric(margin=0.01),
    "loss": Metric("ratio", "lower", 0.05),
    "time": Metric("ratio", "lower", 0.1, resplit=False, timing=True),
    "memory": Metric("ratio", "lower", 0.1, resplit=False),
    "share": Metric(),
    "exact": Metric("largest difference", "lower", 0.0, resplit=False),
    "other": Metric(),
}
FIELDS = {"better": Better, "unit": Unit}


@dataclass(frozen=True)
class Source:
    """Who claims something, where."""

    author: str
    year: int | str
    title: str

    @property
    def short(self) -> str:
        """Author and year, as text cites them."""
        return f"{self.author} {self.year}"

    @property
    def full(self) -> str:
        """Author, year and title."""
        return f"{self.author} ({self.year}), {self.title}"


@dataclass(frozen=True)
class Case:
    """One comparison of a claim, complete."""

    name: str
    treatment: str
    control: str
    metric: str
    measure: str  # the metric in words
    unit: Unit
    better: Better
    margin: float
    reason: str  # why this margin, where it is not the rule's
    replicates: tuple[int, int]  # quick, full; of a timing, the fewest rounds
    resplit: bool
    timing: bool
    by_source: bool
    draws: int  # nets a replicate, whose mean is its value
    unequal_steps: str  # why one side may take more steps; empty: both have to take as many
    # Measured on the processor, whatever device the study has. No part of the digest: it says what
    # was done all along.
    processor: bool = field(default=False, repr=False)

    @property
    def exact(self) -> bool:
        """Whether two things are to be the same, within the margin, with no replicates."""
        return self.unit == "largest difference"


@dataclass(frozen=True)
class Claim:
    """A proposition and its cases. `by_source` tells whether the sources say it like this."""

    id: str
    recipe: str
    statement: str
    sources: tuple[Source, ...] = ()
    by_source: bool = False
    where: tuple[str, ...] = ()  # the sources' sentences, as S1-16: the sixteenth of S1
    checks: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()

    @property
    def digest(self) -> str:
        """What a result depends on: results of another registration are stale."""
        # Results of before sides could take unequal steps stay valid.
        said = repr(self).replace(", unequal_steps=''", "")
        return sha256(said.encode()).hexdigest()[:12]

    @property
    def who(self) -> str:
        """Who says so."""
        named = "; ".join(source.short for source in self.sources)
        if not named:
            return "this book’s question"
        return named if self.by_source else f"this book, sharper than {named}"


@dataclass(frozen=True)
class Protocol:
    """How a recipe measures: the data set of the book, replicates to tune on and fresh ones."""

    dataset: str = ""
    tuning: tuple[int, int] = (8, 16)
    fresh: tuple[int, int] = (8, 32)
    presumes: str = ""


def claim(
    row: Mapping[str, Any], sources: Mapping[str, Source], protocols: Mapping[str, Protocol]
) -> Claim:
    """Build a claim from its row; a case inherits what it does not name."""
    rest = dict(row)
    names = {"id", "recipe", "statement", "by_source"}
    own = {name: rest.pop(name) for name in names if name in rest}
    said, checks = rest.pop("sources", []), tuple(rest.pop("checks", []))
    own["where"] = tuple(rest.pop("where", ()))
    cases = rest.pop("case", None) or [{"name": ""}]
    if unknown := [name for name in said if name not in sources]:
        raise RegistryError(f"claim {own['id']!r} names the source {unknown[0]!r}; register it")
    fresh = protocols.get(own["recipe"], Protocol()).fresh
    rest = {"replicates": fresh, "by_source": own.get("by_source", False), **rest}
    made = tuple(_case(own["id"], {**rest, **mine}) for mine in cases)
    if len({one.name for one in made}) < len(made):
        raise RegistryError(f"claim {own['id']!r} has two cases of one name; name each")
    return Claim(sources=tuple(sources[name] for name in said), checks=checks, cases=made, **own)


def _case(id: str, row: Mapping[str, Any]) -> Case:
    where = f"claim {id!r}" + (f", case {row['name']!r}" if row["name"] else "")
    if row.get("metric", "other") not in METRICS:
        raise RegistryError(f"{where}: metric {row['metric']!r} is none of {', '.join(METRICS)}")
    metric = METRICS[row.get("metric", "other")]
    for name, kind in FIELDS.items():
        if row.get(name) is not None and row[name] not in get_args(kind):
            raise RegistryError(f"{where}: {name} {row[name]!r} is none of {get_args(kind)}")
    if metric.timing and not row.get("timing", True):
        raise RegistryError(f"{where}: time is always a timing; drop that line")
    margin = row.get("margin", metric.margin)
    if margin is None or (margin != metric.margin and not row.get("reason")):
        raise RegistryError(f"{where}: its margin is not the rule's; give margin and reason")
    return Case(
        name=row["name"],
        treatment=row.get("treatment", ""),
        control=row.get("control", ""),
        metric=row.get("metric", "other"),
        measure=row.get("measure", row.get("metric", "other")),
        unit=row.get("unit", metric.unit),
        better=row.get("better", metric.better),
        margin=float(margin),
        reason=row.get("reason", ""),
        replicates=tuple(row["replicates"]),
        resplit=row.get("resplit", metric.resplit),
        timing=row.get("timing", metric.timing),
        by_source=row["by_source"],
        draws=row.get("draws", 1),
        unequal_steps=row.get("unequal_steps", ""),
        processor=row.get("processor", False),
    )


def inline(id: str, statement: str, names: list[str], **row: Any) -> Claim:
    """Build a claim that no registry holds, for a notebook of one's own."""
    cases = [{"name": name} for name in names]
    full = {"id": id, "recipe": "", "statement": statement, "case": cases, **row}
    return replace(claim(full, {}, {}), sources=())
