"""What a claim's case turned out to be: one dict, which cards, ledger and checks read."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from numpy.typing import ArrayLike

from recipes_lib.evidence.claims import Case, Claim, RegistryError
from recipes_lib.evidence.intervals import IncomparableError, compare
from recipes_lib.evidence.tuning import Tuned
from recipes_lib.evidence.verdicts import CONTRADICTED, NONE, SUPPORTED, judge

Side = ArrayLike | Tuned
Record = dict[str, Any]
RESPLIT = 1 / 3  # test over training images where `load` divides a pool, 60/20/20
EMPTY: Record = {
    "verdict": NONE,
    "instead": "",
    "why_none": "",
    "lacks": "",
    "effect": None,
    "interval": None,
    "n": 0,
    "kind": "",
    "sides": [None, None],
}


def record(
    claim: Claim,
    case: Case,
    sides: Sequence[Side] | str,
    n: int,
    checks: Sequence[Mapping[str, Any]],
    setting: Mapping[str, Any],
) -> Record:
    """Compare the sides of a case as it was registered, on `n` replicates.

    `sides` may say instead why the case was not measured. Where a check failed there is no verdict,
    nor, beyond the book's own setting, where a run diverged or a ratio has a zero. Raises
    `RegistryError` for sides that are not what was registered, `ValueError` for values that cannot
    be compared.
    """
    found = {**EMPTY, **_registered(claim, case), **setting, "checks": list(checks)}
    if case.processor:
        found |= {"device": "cpu", "versions": {**setting["versions"], "device": "cpu"}}
    if isinstance(sides, str):
        return found | {"why_none": sides}
    first, second = sides
    try:
        found |= _exact(case, *sides) if case.exact else _compared(claim, case, first, second, n)
    except IncomparableError as error:
        if setting["binding"]:
            raise
        return found | {"why_none": str(error).partition(";")[0]}
    failed = [check["statement"] for check in checks if not check["holds"]]
    if failed:
        found |= {"verdict": NONE, "instead": "", "why_none": f"a check failed: {failed[0]}"}
    return found


def _registered(claim: Claim, case: Case) -> Record:
    fixed = {name: value for name, value in asdict(case).items() if name != "name"}
    return {
        **fixed,
        "id": claim.id,
        "case": case.name,
        "recipe": claim.recipe,
        "statement": claim.statement,
        "sources": [source.short for source in claim.sources],
        "registered": claim.digest,
    }


def _compared(claim: Claim, case: Case, first: Side, second: Side, n: int) -> Record:
    _alike(claim, case, first, second)
    values = [side.values if isinstance(side, Tuned) else side for side in (first, second)]
    ratio, redrawn = case.unit == "ratio", _test_ratio(first, second) if case.resplit else 0.0
    found = compare(*values, ratio=ratio, test_ratio=redrawn)
    if claim.recipe and (found.n < n if case.timing else found.n != n):
        what = "rounds" if case.timing else "replicates"
        raise RegistryError(f"{claim.id!r} is registered with {n} {what}; {found.n} were measured")
    verdict, instead = judge(found.interval, case.unit, case.better, case.margin)
    sides = [side.about() if isinstance(side, Tuned) else None for side in (first, second)]
    return asdict(found) | {"verdict": verdict, "instead": instead, "sides": sides}


def _test_ratio(*sides: Side) -> float:
    ratios = [side.test_ratio for side in sides if isinstance(side, Tuned)]
    return max([ratio for ratio in ratios if ratio is not None], default=RESPLIT)


def _alike(claim: Claim, case: Case, *sides: Side) -> None:
    """Raise where the sides were not tuned or trained alike, or chosen by another metric."""
    tuned = [side for side in sides if isinstance(side, Tuned)]
    for side in tuned:
        if case.metric in ("accuracy", "loss") and side.metric.name != case.metric:
            by = f"was chosen by {side.metric.name}; the card reports {case.metric}"
            raise RegistryError(f"{claim.id!r}: a side {by}")
        if claim.recipe and side.draws != case.draws:
            fixed = f"is registered with {case.draws} draws a replicate"
            raise RegistryError(f"{claim.id!r} {fixed}; a side has {side.draws}")
    _equal(
        claim, case, "tried", "settings", [len(side.settings) for side in tuned if side.searched]
    )
    if not case.unequal_steps:
        _equal(claim, case, "took", "steps", [side.num_steps for side in tuned if side.num_steps])


def _equal(claim: Claim, case: Case, did: str, what: str, counts: Sequence[int]) -> None:
    if len(set(counts)) > 1:
        named = f"{claim.id!r}, case {case.name!r}" if case.name else repr(claim.id)
        found = " and ".join(map(str, counts))
        raise RegistryError(f"{named}: sides {did} {found} {what}; give both as many")


def _exact(case: Case, first: Any, second: Any) -> Record:
    one, other = (torch.as_tensor(side).detach().cpu().double() for side in (first, second))
    if one.shape != other.shape:
        raise ValueError(f"shapes differ: {tuple(one.shape)} and {tuple(other.shape)}")
    gap = float((one - other).abs().max())
    if math.isnan(gap):
        raise IncomparableError("values are not finite; measure what diverged runs have, too")
    return {"effect": gap, "n": 1, "verdict": SUPPORTED if gap <= case.margin else CONTRADICTED}
