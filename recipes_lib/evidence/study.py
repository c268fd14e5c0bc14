"""A study: the setting of a recipe, its replicates, its checks and its claims."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from typing import Any, TypeVar

from numpy.typing import NDArray

from recipes_lib.data.sets import load
from recipes_lib.data.splits import Splits, leaked
from recipes_lib.evidence import cards
from recipes_lib.evidence.claims import Claim, Protocol, RegistryError, inline
from recipes_lib.evidence.records import RESPLIT, Side, record
from recipes_lib.evidence.registry import registered
from recipes_lib.evidence.timing import race, race_over
from recipes_lib.evidence.tuning import (
    METRICS,
    Metric,
    Train,
    Tuned,
    fixed,
    metric_named,
    retrain,
    tune,
)
from recipes_lib.given import check_seed
from recipes_lib.hardware import resolve_device, stamp

Choice = TypeVar("Choice")
SCALES = ("quick", "full")
NEW = "test images are not among those of training and validation"
# A replicate's seed tells its base seed, its role and its number; draws on one split lie far above.
# torch's generator heeds the low 32 bits of a seed alone: they must tell all three, and the draw.
BASE, ROLE, DRAW = 10_000, 1_000, 2**29
NUM_SEEDS, NUM_DRAWS = DRAW // BASE, 2**32 // DRAW
# A role has a hundred replicates at most. The other nine hundreds are for larger base seeds, dates
# among them. Their place is a remainder: two meet only where a multiple of SHELVES is between them.
FEW = 100
SHELVES = NUM_SEEDS * (ROLE // FEW - 1)


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
        self.seed = check_seed(self.seed)
        self.dataset = str(self.dataset)
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
    def test_ratio(self) -> float:
        """Test over training images where `load` divides a pool: for bands over such splits."""
        return RESPLIT

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
        place = self.seed if self.seed < NUM_SEEDS else NUM_SEEDS + self.seed % SHELVES
        shelf, row = divmod(place, NUM_SEEDS)
        first, count = BASE * row + ROLE * role + FEW * shelf, self.pick(*counts)
        if count > FEW:
            raise RegistryError(f"{self.recipe!r} has {count} replicates; register {FEW} at most")
        return [first + replicate for replicate in range(count)]

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

    def splits(self, image_size: int | None = None) -> Callable[[int], Splits]:
        """Return a function that draws the study's data set for a seed, on its device.

        Each split is drawn once, for all draws of its replicate.

        >>> splits = study.splits(image_size=14)
        """
        how: dict[str, Any] = {"device": self.device, "image_size": image_size}
        drawn = cache(lambda split: load(self.dataset, seed=split, **how))
        return lambda seed: drawn(self.split_of(seed))

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

    def fixed(
        self,
        train: Train,
        setting: Mapping[str, Any],
        by: str | Metric = "accuracy",
        *,
        draws: int = 1,
        fresh: Sequence[int] | None = None,
    ) -> Tuned:
        """Train one setting on the fresh replicates, as `tune` does with its choice.

        For sides that nobody is to search for. A value may be a sequence, one for each run: they
        come in the order of `tuned.fresh_seeds`.

        >>> hot = study.fixed(train, {"lr": 10 * tuned.best["lr"]})
        """
        return fixed(
            train, setting, metric_named(by), self._drawn(fresh or self.fresh, draws), draws
        )

    @staticmethod
    def _drawn(seeds: Sequence[int], draws: int) -> list[int]:
        if not 1 <= draws <= NUM_DRAWS:
            raise ValueError(f"draws is {draws}; use 1 … {NUM_DRAWS}")
        return [seed + DRAW * draw for seed in seeds for draw in range(draws)]

    def race(
        self,
        sides: Mapping[str, Callable[..., Any]],
        over: Sequence[Any] = (),
        *,
        rounds: int = 30,
        seconds: float = 10.0,
        wall: bool = False,
    ) -> dict[str, NDArray[Any]]:
        """Time sides in turns until their ratios are known to 2%, or `seconds` are spent.

        `rounds` is the least number, 30 unless the claim is registered with fewer. Sides that work
        in other threads or processes want the clock on the `wall`: see `evidence.race`.

        Where what is timed differs by replicate, as steps to a set accuracy do, rounds are no
        replicates: each side is then called with one of `over` a round, and returns a mean of each.
        """
        how: dict[str, Any] = {"rounds": rounds, "seconds": seconds, "wall": wall}
        return race_over(over, sides, **how) if over else race(sides, **how)

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

    def check_leaks(self, draw: Callable[[int], Splits]) -> None:
        """Check that test images are new; `draw` gives the splits of a seed.

        One test image in a hundred may be a copy: large sets hold some.
        """
        worst = max(leaked(draw(seed)) for seed in (*self.tuning, *self.fresh))
        self.check(NEW, worst < 0.01, f"{worst:.1%} at most")

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
        checks, setting = self._resting_on(claim), self.setting | {"lacks": lacks}
        self.show(
            [
                record(claim, case, named[case.name], self.pick(*case.replicates), checks, setting)
                for case in claim.cases
            ]
        )

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
        return record(claim, claim.cases[0], (values, tuned.values), 0, [], self.setting)

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

    @property
    def setting(self) -> dict[str, Any]:
        """Where and on what this study runs, as its records say."""
        return {
            "seed": self.seed,
            "device": self.device.type,
            "scale": self.scale,
            "dataset": self.dataset,
            "binding": self.binding,
            "versions": stamp(self.device),
        }

    def show(self, records: list[dict[str, Any]]) -> None:
        """Keep the records of one claim, and display its panel."""
        self.records += records
        self._display(cards.plain(records), cards.panel(records), {"claim": records})

    def _display(self, text: str, html: str, metadata: dict[str, Any]) -> None:
        from IPython.display import display  # late: it takes a tenth of a second

        display(cards.Shown(text, html), metadata=metadata)
