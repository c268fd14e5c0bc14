from typing import Any
from xml.etree import ElementTree

import pytest

from recipes_lib.evidence import cards
from recipes_lib.evidence.forest import PAD, WIDTH, forest, span_of


def record(**changes: Any) -> dict[str, Any]:
    found = {"id": "a", "case": "", "statement": "A beats B.", "sources": [], "by_source": False}
    found |= {"verdict": "supported", "instead": "", "why_none": "", "timing": False, "checks": []}
    found |= {"effect": 0.02, "interval": (0.015, 0.03), "unit": "difference", "metric": "accuracy"}
    found |= {"better": "higher", "margin": 0.01, "reason": "", "n": 8, "kind": "corrected"}
    found |= {"measure": "accuracy", "treatment": "", "control": "", "sides": [None, None]}
    return {**found, **changes}


def places(svg: str, tag: str, name: str) -> list[float]:
    root = ElementTree.fromstring(svg)
    return [float(part.attrib[name]) for part in root if part.tag.endswith(tag)]


def test_the_plot_is_drawn_to_scale() -> None:
    one = record(effect=0.02, interval=(0.0, 0.04), margin=0.01)
    svg = forest([one], "said", span=(0.0, 0.04))
    ends = PAD, WIDTH - PAD
    (dot,) = places(svg, "circle", "cx")
    assert dot == pytest.approx(sum(ends) / 2, abs=0.1)
    starts, stops = places(svg, "line", "x1"), places(svg, "line", "x2")
    bar = max(zip(starts, stops, strict=True), key=lambda line: line[1] - line[0])
    assert bar == pytest.approx(ends, abs=0.1)
    dashed = PAD + (WIDTH - 2 * PAD) / 4
    assert any(start == pytest.approx(dashed, abs=0.1) for start in starts)


def test_ratios_are_drawn_on_a_logarithmic_scale() -> None:
    one = record(unit="ratio", effect=1.0, interval=(0.5, 2.0), better="lower", margin=0.1)
    low, high = span_of([one])
    assert low == pytest.approx(-high)
    assert places(forest([one], "said"), "circle", "cx") == pytest.approx([WIDTH / 2], abs=0.1)


def test_what_a_screen_reader_says_is_escaped_and_there() -> None:
    root = ElementTree.fromstring(forest([record()], 'a < b & "c"'))
    assert root.attrib["aria-label"] == 'a < b & "c"'
    assert root.attrib["role"] == "img"
    assert forest([record(interval=None)], "nothing to draw") == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "+2.0 points (+1.5 to +3.0)"),
        ({"effect": -0.02, "interval": (-0.03, -0.01)}, "−2.0 points (−3.0 to −1.0)"),
        ({"unit": "ratio", "effect": 0.9, "interval": (0.85, 0.95)}, "0.90× (0.85 to 0.95)"),
        ({"unit": "ratio", "effect": 0.01, "interval": (0.005, 0.02)}, "0.01× (0.005 to 0.02)"),
        ({"metric": "other", "effect": 1.5, "interval": (1, 2)}, "+1.5 (+1 to +2)"),
        ({"effect": None, "interval": None}, "not measured here"),
        (
            {"effect": 2e-9, "interval": None, "unit": "largest difference"},
            "largest difference 2e-09",
        ),
    ],
)
def test_an_effect_reads_in_its_unit(changes: dict[str, Any], said: str) -> None:
    assert cards.effect(record(**changes)) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "above 1 point"),
        ({"better": "lower"}, "below −1 point"),
        ({"unit": "ratio", "better": "lower", "margin": 0.05}, "below 0.95×"),
        ({"unit": "ratio", "better": "same", "margin": 0.05}, "within ±5%"),
        ({"better": "different"}, "beyond ±1 point"),
        ({"unit": "largest difference", "interval": None, "margin": 1e-9}, "at most 1e-09"),
    ],
)
def test_what_is_needed_reads_in_the_same_unit(changes: dict[str, Any], said: str) -> None:
    assert cards.needed(record(**changes)) == said


def test_who_says_so_is_named() -> None:
    assert cards.who(record()) == "this book’s question"
    named = {"sources": ["A. Writer 2024", "B. Author 2019"]}
    assert cards.who(record(**named, by_source=True)) == "A. Writer 2024; B. Author 2019"
    assert "this book, sharper than A. Writer" in cards.who(record(**named))


def test_a_claim_s_cases_stand_together() -> None:
    rows = [record(id="a", case="x"), record(id="b"), record(id="a", case="y")]
    assert [[one["case"] for one in group] for group in cards.by_claim(rows)] == [["x", "y"], [""]]
    assert cards.tally(rows) == "Supported"
    mixed = [record(), record(verdict="contradicted", instead="no gain")]
    assert cards.tally(mixed) == "1 supported, 1 contradicted"
    assert cards.tally(mixed[1:]) == "Contradicted: no gain"


def test_html_is_well_formed() -> None:
    side = {"chosen": {"lr": 0.1}, "tried": 3, "by": "accuracy", "tuned on": 8, "draws": 2}
    side |= {"edges": ["lr"], "num_steps": 10, "num_parameters": 1000}
    checks = [{"statement": "A < B", "holds": False, "seen": "1 & 2"}]
    rows = [record(case="x & y", sides=[side, None], checks=checks), record(case="z", timing=True)]
    for html in (cards.panel(rows), cards.glance(rows)):
        ElementTree.fromstring(f"<body>{html.replace('<br>', '<br/>')}</body>")
    assert "lr = 0.1; best of 3 by accuracy on 8 replicates, 2 nets each" in cards.panel(rows)
