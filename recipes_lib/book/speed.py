"""The measured speed: the table and the figure that a page of the book shows."""

import json
from html import escape
from pathlib import Path
from typing import Any

from recipes_lib.book.errors import BookError

TABLE = Path("benchmarks") / "results" / "speed.json"
FIGURE = Path("benchmarks") / "results" / "sweep.png"
COLUMNS = ("Side", "Threads", "µs, median (best)", "Ratio, median (quartiles)", "To reach")


def to_markdown(root: Path) -> str:
    """The table as HTML and the figure, for the page; a sentence where nothing was measured yet."""
    if not (root / TABLE).exists():
        return "*Nothing is measured yet: `make bench` does it.*"
    try:
        record = json.loads((root / TABLE).read_text(encoding="utf-8"))
        parts = [_html(record)] + ([_figure(record)] if (root / FIGURE).exists() else [])
    except (ValueError, KeyError, TypeError) as error:
        raise BookError(
            f"{root / TABLE} is no record of speed ({error!r}); run `make bench`"
        ) from error
    return "\n\n".join(parts)


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """What the table says of one side."""
    name, threads = row["side"], str(row["threads"])
    if "skipped" in row:
        return name, threads, f"skipped: {row['skipped']}", "", ""
    rounds = row["rounds"]
    few = f", {rounds} round{'s' * (rounds > 1)}" if rounds < 5 else ""
    times = f"{_short(row['median_us'])} ({_short(row['min_us'])}){few}"
    if "ratio" not in row:
        return name, threads, times, "", ""
    low, high = map(_short, row["quartiles"])
    ratio = f"{_short(row['ratio'])}{row['relation']} {row['than']} ({low} to {high})"
    goal = f"{row['reach']}: {'reached' if row['reached'] else 'missed'}" if "reach" in row else ""
    return name, threads, times, ratio, goal


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:#.3g}".rstrip(".")


def _html(record: dict[str, Any]) -> str:
    head = "".join(f'<th scope="col">{column}</th>' for column in COLUMNS)
    # The growing sweep is what the figure shows.
    body = "\n".join(_html_group(group) for group in record["groups"] if "sizes" not in group)
    table = f'<table class="table speed">\n<tr>{head}</tr>\n{body}\n</table>'
    region = '<div class="wide" tabindex="0" role="region" aria-label="Measured speed">'
    return f"{region}\n{table}\n</div>\n<p><small>{escape(about(record))}</small></p>"


def _html_group(group: dict[str, Any]) -> str:
    title = f"<strong>{escape(group['title'])}</strong>, µs per {escape(group['unit'])}"
    note = f"<br><small>{escape(group['note'])}</small>" if group["note"] else ""
    rows = ["".join(f"<td>{escape(cell)}</td>" for cell in cells(row)) for row in group["rows"]]
    head = f'<tr><td colspan="{len(COLUMNS)}">{title}{note}</td></tr>'
    return "\n".join([head, *(f"<tr>{row}</tr>" for row in rows)])


def about(record: dict[str, Any]) -> str:
    """Say when and on what the record was measured."""
    machine = record["machine"]
    versions = ", ".join(
        f"{name} {version}" for name, version in record["versions"].items() if version
    )
    loads = [group["load"] for group in record["groups"]]
    return (
        f"Measured on {record['date'][:10]} in {record['rounds']} rounds on "
        f"{machine['processor']}, {record['cores']} cores, load average {min(loads):.1f} to "
        f"{max(loads):.1f}; Python {machine['python']}, {versions}."
    )


def _figure(record: dict[str, Any]) -> str:
    (turn,) = (group["linear_from"] for group in record["groups"] if "sizes" in group)
    return (
        "![Time per net and step against the number of nets in a stacked sweep, on logarithmic "
        f"axes. It falls up to {turn} nets; adding more saves nothing, and the sweep's time grows "
        f"at least linearly.]({FIGURE.as_posix()})"
    )
