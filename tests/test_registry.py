from collections.abc import Callable
from pathlib import Path

import pytest

from recipes_lib.evidence import claims, registry
from recipes_lib.evidence.claims import RegistryError
from recipes_lib.evidence.registry import read, registered

HEAD = """\
[source.S1]
author = "A. Writer"
year = 2024
title = "A book"

[recipe.one]
dataset = "digits"
tuning = [4, 8]
fresh = [6, 12]
"""
CLAIM = """
[[claim]]
id = "a"
recipe = "one"
statement = "A beats B."
sources = ["S1"]
by_source = true
metric = "accuracy"
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def to(text: str) -> Path:
        path = tmp_path / "claims.toml"
        path.write_text(text)
        return path

    return to


def test_a_case_inherits_what_it_does_not_name(write: Callable[[str], Path]) -> None:
    cases = 'case = [{ name = "x" }, { name = "y", metric = "loss", replicates = [3, 3] }]\n'
    (claim,) = read(write(HEAD + CLAIM + cases)).of("one")
    x, y = claim.cases
    assert (x.unit, x.better, x.margin, x.replicates) == ("difference", "higher", 0.01, (6, 12))
    assert (y.unit, y.better, y.margin, y.replicates) == ("ratio", "lower", 0.05, (3, 3))
    assert (x.by_source, claim.who) == (True, "A. Writer 2024")


def test_the_digest_is_of_all_that_was_registered(write: Callable[[str], Path]) -> None:
    texts = [CLAIM, CLAIM.replace("beats", "is above"), CLAIM + 'margin = 0.02\nreason = "why"\n']
    texts += [CLAIM + "replicates = [9, 9]\n", CLAIM.replace("true", "false")]
    digests = [read(write(HEAD + text)).claims["a"].digest for text in texts]
    assert len(set(digests)) == len(texts)
    assert read(write(HEAD + CLAIM + "# a comment\n")).claims["a"].digest == digests[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CLAIM + "margin = 0.02\n", "claim 'a': its margin is not the rule's; give margin and"),
        (CLAIM.replace('"accuracy"', '"share"'), "claim 'a': its margin is not the rule's"),
        (CLAIM.replace('"accuracy"', '"time"') + "timing = false\n", "is always a timing"),
        (CLAIM.replace('"accuracy"', '"acuracy"'), "metric 'acuracy' is none of accuracy"),
        (CLAIM + 'better = "more"\n', "better 'more' is none of"),
        (CLAIM.replace('"S1"]', '"S9"]'), "names the source 'S9'; register it"),
        (CLAIM + CLAIM, "registers a twice"),
        (CLAIM + 'case = [{ name = "x" }, { name = "x" }]\n', "two cases of one name"),
        (CLAIM.replace('statement = "A beats B."', ""), "a row that is not complete"),
        ("[[claim", "cannot be read"),
    ],
)
def test_a_registry_that_breaks_the_rules_is_refused_in_one_line(
    write: Callable[[str], Path], text: str, message: str
) -> None:
    with pytest.raises(RegistryError, match=message) as raised:
        read(write(HEAD + text))
    assert "\n" not in str(raised.value)


def test_another_books_registry_is_read_beside_ours(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(registry.OTHER, str(write(HEAD + CLAIM)))
    registered.cache_clear()
    try:
        assert registered().claims["a"].recipe == "one"
        assert "he-for-relu" in registered().claims
    finally:
        registered.cache_clear()


def test_the_books_own_registry_is_whole() -> None:
    found = registered()
    assert len(found.claims) >= 71
    for claim in found.claims.values():
        assert claim.statement
        assert not claim.sources or claim.where or not claim.by_source
        for case in claim.cases:
            rule = claims.METRICS[case.metric].margin
            assert case.margin == rule or case.reason, (claim.id, case.name)
