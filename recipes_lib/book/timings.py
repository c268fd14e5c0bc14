"""A pytest plugin beside nbval: hold verdicts of timings, which nbval does not see, to the book's.

The opposite verdict is a fault. Undecided, none, or something else that holds instead is a finding:
told at the end, and no failure except under `--strict-timings`.
"""

import json
from collections import defaultdict
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from recipes_lib.book.notebook import panel_records
from recipes_lib.evidence.cards import Record, full_name, verdict
from recipes_lib.evidence.verdicts import CONTRADICTED, SUPPORTED

FAULT, FINDING, OPPOSITES = "fault", "finding", {SUPPORTED, CONTRADICTED}


def changes(stored: Sequence[Record], found: Sequence[Record]) -> list[tuple[str, str]]:
    """Each timing that came out otherwise than stored: fault or finding, and what is said of it.

    On a machine that lacks what the verdict rests on, the opposite is a finding, too.
    """
    before = {(record["id"], record["case"]): record for record in stored}
    pairs = [(before.get((one["id"], one["case"])), one) for one in found if one.get("timing")]
    return [
        (_weight(old, new), f"{full_name(new)}: {verdict(new)}; in the book {verdict(old)}")
        for old, new in pairs
        if old and verdict(old) != verdict(new)
    ]


def _weight(old: Record, new: Record) -> str:
    opposite = {old["verdict"], new["verdict"]} == OPPOSITES
    return FAULT if opposite and not new["lacks"] else FINDING


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--strict-timings` and `--timings-to`."""
    group = parser.getgroup("timings", "Verdicts of timings")
    group.addoption("--strict-timings", action="store_true", help="Findings are faults.")
    group.addoption("--timings-to", help="The file that names the notebooks that failed, and why.")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: Any, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Compare a cell's timings once it has run; its report carries them from worker to terminal."""
    report = yield
    if call.when == "call" and report.passed:
        stored, found = map(panel_records, (item.cell.outputs, item.test_outputs))
        for weight, said in changes(stored, found):
            weight = FAULT if item.config.option.strict_timings else weight
            report.user_properties.append((weight, said))
        if faults := _said(report, FAULT):
            report.outcome, report.longrepr = "failed", "\n".join(faults)
    return report


def _said(report: Any, weight: str) -> list[str]:
    return [said for kind, said in getattr(report, "user_properties", []) if kind == weight]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """List the findings, and write down which notebooks failed by nothing but timings."""
    stats = terminalreporter.stats
    if findings := [line for reports in stats.values() for one in reports for line in _lines(one)]:
        terminalreporter.section("findings: timings that came out otherwise, which is no fault")
        terminalreporter.write_line("\n".join(findings))
    if config.option.timings_to:
        causes = defaultdict(set)
        for report in [*stats.get("failed", []), *stats.get("error", [])]:
            causes[report.nodeid.partition("::")[0]].add(bool(_said(report, FAULT)))
        timings_alone = {name: found == {True} for name, found in causes.items()}
        Path(config.option.timings_to).write_text(json.dumps(timings_alone), encoding="utf-8")


def _lines(report: Any) -> list[str]:
    return [f"{Path(report.fspath).stem}: {said}" for said in _said(report, FINDING)]
