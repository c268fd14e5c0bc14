"""The registry of claims: what is put to the test, who says so, by what margin, fixed before."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from recipes_lib.evidence.claims import Claim, Protocol, RegistryError, Source, claim

PATH = Path(__file__).parents[1] / "claims.toml"
OTHER = "RECIPES_CLAIMS"  # names the registry of another book, which is read beside ours


@dataclass(frozen=True)
class Registry:
    """Every source, protocol and claim."""

    sources: Mapping[str, Source] = field(default_factory=dict)
    protocols: Mapping[str, Protocol] = field(default_factory=dict)
    claims: Mapping[str, Claim] = field(default_factory=dict)

    def of(self, recipe: str) -> list[Claim]:
        """The claims of a recipe, in order."""
        return [claim for claim in self.claims.values() if claim.recipe == recipe]


@cache
def registered() -> Registry:
    """The book's own registry and, where `RECIPES_CLAIMS` names one, another book's beside it."""
    own = read(PATH)
    if not (other := os.environ.get(OTHER)) or Path(other).resolve() == PATH:
        return own
    theirs = read(Path(other))
    return Registry(
        {**own.sources, **theirs.sources},
        {**own.protocols, **theirs.protocols},
        {**own.claims, **theirs.claims},
    )


def read(path: Path) -> Registry:
    """Read a registry. Raises `RegistryError` for one that is no TOML or breaks the rules."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise RegistryError(f"{path} cannot be read ({error}); repair it") from error
    try:
        sources = {name: Source(**row) for name, row in rows.get("source", {}).items()}
        protocols = {name: _protocol(row) for name, row in rows.get("recipe", {}).items()}
        claims = [claim(row, sources, protocols) for row in rows.get("claim", [])]
    except (TypeError, KeyError) as error:
        raise RegistryError(f"{path} has a row that is not complete ({error}); mend it") from error
    ids = [one.id for one in claims]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise RegistryError(f"{path} registers {', '.join(twice)} twice; keep one")
    return Registry(sources, protocols, {one.id: one for one in claims})


def _protocol(row: Mapping[str, Any]) -> Protocol:
    pairs = {name: tuple(row[name]) for name in ("tuning", "fresh") if name in row}
    return Protocol(**{**row, **pairs})
