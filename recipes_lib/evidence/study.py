"""A study: the setting of a recipe, its replicates, its checks and its claims."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any, TypeVar

import torch
from numpy.typing import ArrayLike, NDArray

from recipes_lib.evidence import cards
from recipes_lib.evidence.intervals import compare
from recipes_lib.evidence.registry import Case, Claim, Protocol, RegistryError, inline, registered
from recipes_lib.evidence.timing import race
from recipes_lib.evidence.tuning import (
    METRICS,
    Metric,
    Train,
    Tuned,
    metric_named,
    retrain,
    tune,
)
from recipes_lib.evidence.verdicts import CONTRADICTED, NONE, SUPPORTED, judge
from recipes_lib.hardware import resolve_device, stamp

Choice = TypeVar("Choice")
Side = ArrayLike | Tuned
SCALES = ("quick", "full")
# A replicate's seed tells its base seed, its role and its number; draws on one split lie far above.
BASE, ROLE, DRAW = 10_000, 1_000, 2**40
RESPLIT = 1 / 3  # test over training images where `load` divides a pool, 60/20/20


class CheckError(AssertionError):
    """The experiment is not what it says."""


@dataclass
class Study:
    """The setting in which a recipe's claims are measured.

    The registry says of `recipe` on which data set and how many replicates the book measures it.
    Raises `ValueError` for an unknown device or scale and for a seed that is no whole number.

    >>> study = Study("learning_rate", device="cpu", dataset="mnist5k")
    >>> study.tuning[:2], study.fresh[:2]
    ([0, 1], [1000, 1001])
    """

    recipe: str = ""
    device: Any = "auto"
    scale: str = "quick"
    seed: int = 0
    dataset: str = ""
    records: list[dict[str, Any]] = field(default_factory=list, init=False)
    _checks: dict[str, dict[str, Any]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"scale {self.scale!r} is unknown; use 'quick' or 'full'")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ValueError(f"seed {self.seed!r} is no whole number from 0; use 0, 1, 2, …")
        self.device = resolve_device(str(self.device))

    @property
    def protocol(self) -> Protocol:
        """What the registry says of this recipe."""
        return registered().protocols.get(self.recipe, Protocol())

    @property
    def binding(self) -> bool:
        """Whether this is the book's own setting: its data, quick scale, a processor."""
        own = self.dataset == self.protocol.dataset
        return own and self.scale == "quick" and self.device.type == "cpu"

    @property
    def tuning(self) -> list[int]:
        """Seeds to choose settings on."""
        return self._seeds(0, self.protocol.tuning)

    @property
    def fresh(self) -> list[int]:
        """Seeds to measure the choice on; they never meet those of `tuning`."""
        return self._seeds(1, self.protocol.fresh)

    @property
    def again(self) -> list[int]:
        """Seeds of the A/A trial; they never meet the others."""
        return self._seeds(2, self.protocol.fresh)

    def _seeds(self, role: int, counts: tuple[int, int]) -> list[int]:
        first = BASE * self.seed + ROLE * role
        return [first + replicate for replicate in range(self.pick(*counts))]

    @staticmethod
    def apart(seed: int) -> int:
        """A seed for what must be independent of a replicate, such as its source net."""
        return seed + ROLE * 5

    @staticmethod
    def split_of(seed: int) -> int:
        """The replicate that a run belongs to: its draws share the split, and nothing else.

        >>> splits = cache(lambda seed: load("digits", seed=study.split_of(seed)))
        """
        return seed % DRAW

    def pick(self, quick: Choice, full: Choice) -> Choice:
        """Choose by scale."""
        return quick if self.scale == "quick" else full

    def tune(
        self,
        train: Train,
        settings: Sequence[Mapping[str, Any]],
        by: str | Metric = "accuracy",
        *,
        draws: int = 1,
        tuning: Sequence[int] | None = None,
        fresh: Sequence[int] | None = None,
    ) -> Tuned:
        """Choose among `settings` on the tuning replicates, and train the choice on fresh ones.

        `train` maps runs, each a setting with a `seed`, to what `by` scores: `Runs` for "accuracy"
        and "loss". Choose by what the card reports. A replicate's value is the mean over `draws`
        nets on its split (`split_of`), so that luck of weights and batch order weighs less. Raises
        `ValueError` for settings that cannot be compared.

        >>> train = partial(fit_many, make_net, splits, num_epochs=5, batch_size=64)
        >>> tuned = study.tune(train, grid(lr=[0.01, 0.1, 1.0]))
        """
        some = self._drawn(tuning or self.tuning, draws)
        others = self._drawn(fresh or self.fresh, draws)
        return tune(train, settings, metric_named(by), some, others, draws)

    @staticmethod
    def _drawn(seeds: Sequence[int], draws: int) -> list[int]:
        return [seed + DRAW * draw for seed in seeds for draw in range(draws)]

    def race(
        self, sides: Mapping[str, Callable[[], Any]], *, seconds: float = 10.0
    ) -> dict[str, NDArray[Any]]:
        """Time sides in turns until their ratios are known to 2%, or `seconds` are spent."""
        return race(sides, seconds=seconds)

    def check(self, statement: str, holds: Any, seen: str = "") -> None:
        """Say that the experiment is what it should be, and show it; `seen` tells what was found.

        Raises `CheckError` in the book's own setting; elsewhere the claims that rest on a failed
        check say so and give no verdict.
        """
        found = {"statement": statement, "holds": bool(holds), "seen": seen}
        self._checks[statement] = found
        sign = "✓" if found["holds"] else "✗"
        shown = f"{escape(statement)} <small>{cards.measured(escape(seen))}</small>"
        html = f'<p class="check">{sign} {shown}</p>'
        self._display(f"{sign} {statement}", html, {"check": found})
        if not holds and self.binding:
            raise CheckError(f"{statement}: not so ({seen}); mend the experiment")

    def claim(
        self,
        id: str,
        cases: Mapping[str, Sequence[Side] | str] | Sequence[Side],
        *,
        statement: str = "",
        lacks: str = "",
        **row: Any,
    ) -> None:
        """Put a claim to the test and display its panel.

        `cases` maps the name of each registered case to its sides, (treatment, control), each
        `Tuned` or one value a replicate; or to a text that says why it is not measured here. A
        claim of one case takes the pair alone. `lacks` says what the machine lacks. A claim that
        is not registered brings its `statement` and what a row of the registry holds. Raises
        `ValueError` where the call is not what was registered.

        >>> study.claim("decay-beats-constant", {"step": (step, constant)})
        """
        named = dict(cases) if isinstance(cases, Mapping) else {"": cases}
        claim = self._registered(id, list(named), statement, row)
        checks = self._resting_on(claim)
        made = [self._record(claim, case, named[case.name], checks, lacks) for case in claim.cases]
        self._show(made)

    def aa(self, tuned: Tuned) -> dict[str, Any]:
        """Compare a side with itself on other seeds, and return the record.

        The verdict has to be undecided or "no difference that matters": any other would be false.
        """
        row: dict[str, Any] = {"metric": tuned.metric.name, "better": "different"}
        if tuned.metric.name not in METRICS:
            row |= {"metric": "other", "margin": 0.0, "reason": "the same arm on both sides"}
        claim = inline("a-a", "The same arm twice.", [""], **row)
        count = len(tuned.values)
        _, values = retrain(tuned, self._drawn(self.again[:count], tuned.draws))
        return self._record(claim, claim.cases[0], (values, tuned.values), [], "")

    def summary(self) -> None:
        """Display every claim of this run: who says so, the verdict, the effect on its margin."""
        if not self.records:
            raise ValueError("no claim was made yet; call summary after the last one")
        lines = [f"{cards.full_name(one)}: {cards.verdict(one)}" for one in self.records]
        text = cards.measured("\n".join(lines))
        self._display(text, cards.measured(cards.glance(self.records)), {"summary": True})

    def _registered(
        self, id: str, names: list[str], statement: str, row: Mapping[str, Any]
    ) -> Claim:
        claim = registered().claims.get(id)
        if not claim:
            if not statement:
                raise RegistryError(f"claim {id!r} is not registered; register it, or state it")
            return inline(id, statement, names, **row)
        if statement or row:
            raise RegistryError(f"claim {id!r} is registered; a call brings nothing but values")
        wanted = [case.name for case in claim.cases]
        if sorted(names) != sorted(wanted):
            raise RegistryError(f"claim {id!r} is registered with the cases {wanted}, not {names}")
        return claim

    def _resting_on(self, claim: Claim) -> list[dict[str, Any]]:
        if missing := [one for one in claim.checks if one not in self._checks]:
            raise RegistryError(f"claim {claim.id!r} rests on {missing[0]!r}; check that first")
        return [self._checks[one] for one in claim.checks]

    def _record(
        self,
        claim: Claim,
        case: Case,
        sides: Sequence[Side] | str,
        checks: list[dict[str, Any]],
        lacks: str,
    ) -> dict[str, Any]:
        record = self._blank(claim, case, checks)
        failed = [check["statement"] for check in checks if not check["holds"]]
        if isinstance(sides, str):
            return record | {"why_none": sides}
        first, second = sides
        record |= _measured(claim, case, first, second, self.pick(*case.replicates))
        if failed:
            reason = f"a check failed: {failed[0]}"
            return record | {"verdict": NONE, "instead": "", "why_none": reason}
        return record | {"lacks": lacks}

    def _blank(self, claim: Claim, case: Case, checks: list[dict[str, Any]]) -> dict[str, Any]:
        fixed = {name: value for name, value in asdict(case).items() if name != "name"}
        return {
            **fixed,
            "id": claim.id,
            "case": case.name,
            "recipe": claim.recipe,
            "statement": claim.statement,
            "sources": [source.short for source in claim.sources],
            "by_source": claim.by_source,
            "registered": claim.digest,
            "checks": checks,
            "verdict": NONE,
            "instead": "",
            "why_none": "",
            "lacks": "",
            "effect": None,
            "interval": None,
            "n": 0,
            "kind": "",
            "sides": [None, None],
            "seed": self.seed,
            "device": self.device.type,
            "scale": self.scale,
            "dataset": self.dataset,
            "binding": self.binding,
            "versions": stamp(self.device),
        }

    def _show(self, records: list[dict[str, Any]]) -> None:
        self.records += records
        self._display(cards.plain(records), cards.panel(records), {"claim": records})

    def _display(self, text: str, html: str, metadata: dict[str, Any]) -> None:
        from IPython.display import display  # late: it takes a tenth of a second

        display({"text/plain": text, "text/html": html}, raw=True, metadata=metadata)


def _measured(claim: Claim, case: Case, first: Side, second: Side, n: int) -> dict[str, Any]:
    """Compare the sides as the case says; the part of the record that this decides."""
    if case.unit == "largest difference":
        return _exact(case, first, second)
    _alike(claim, case, first, second)
    values = [side.values if isinstance(side, Tuned) else side for side in (first, second)]
    ratios = [side.test_ratio for side in (first, second) if isinstance(side, Tuned)]
    redrawn = max([one for one in ratios if one is not None], default=RESPLIT)
    found = compare(
        *values, ratio=case.unit == "ratio", test_ratio=redrawn if case.resplit else 0.0
    )
    if claim.recipe and (found.n < n if case.timing else found.n != n):
        what = "rounds" if case.timing else "replicates"
        raise RegistryError(f"{claim.id!r} is registered with {n} {what}; {found.n} were measured")
    verdict, instead = judge(found.interval, case.unit, case.better, case.margin)
    sides = [side.about() if isinstance(side, Tuned) else None for side in (first, second)]
    return asdict(found) | {"verdict": verdict, "instead": instead, "sides": sides}


def _alike(claim: Claim, case: Case, first: Side, second: Side) -> None:
    """Raise where the sides were not tuned alike, or by another metric than is reported."""
    tuned = [side for side in (first, second) if isinstance(side, Tuned)]
    for side in tuned:
        if case.metric in ("accuracy", "loss") and side.metric.name != case.metric:
            by = f"was chosen by {side.metric.name}; the card reports {case.metric}"
            raise RegistryError(f"{claim.id!r}: a side {by}")
        if claim.recipe and side.draws != case.draws:
            registered_ = f"is registered with {case.draws} draws a replicate"
            raise RegistryError(f"{claim.id!r} {registered_}; a side has {side.draws}")
    if len(tuned) == 2 and len(tuned[0].settings) != len(tuned[1].settings):
        budgets = " and ".join(str(len(side.settings)) for side in tuned)
        raise RegistryError(f"{claim.id!r}: sides tried {budgets} settings; give both as many")


def _exact(case: Case, first: Any, second: Any) -> dict[str, Any]:
    one, other = (torch.as_tensor(side).detach().cpu().double() for side in (first, second))
    if one.shape != other.shape:
        raise ValueError(f"shapes differ: {tuple(one.shape)} and {tuple(other.shape)}")
    gap = float((one - other).abs().max())
    if math.isnan(gap):
        raise ValueError("values are not finite; measure what diverged runs have, too")
    verdict = SUPPORTED if gap <= case.margin else CONTRADICTED
    return {"effect": gap, "n": 1, "verdict": verdict}
