"""The page that says of each recipe when it ran, on what, with which versions, for how long, and to
what verdicts.
"""

from collections.abc import Sequence
from html import escape

from recipes_lib.book.executed import Executed
from recipes_lib.book.project import CHAPTERS
from recipes_lib.book.report import verdicts

COLUMNS = ("Recipe", "Ran on", "Hardware", "Versions", "Seconds", "Verdicts")


def to_html(pages: Sequence[Executed]) -> str:
    """The rows for the book's page; without a blank line, at which Markdown would end the table."""
    head = "".join(f'<th scope="col">{column}</th>' for column in COLUMNS)
    body = "\n".join(_row(page) for page in pages)
    table = f'<table class="table runs">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'
    return f'<div class="wide" tabindex="0" role="region" aria-label="Runs">\n{table}\n</div>'


def _row(page: Executed) -> str:
    name, stamp = page.recipe.name, page.stamp
    link = f'<a href="{CHAPTERS}/{name}.html">{escape(name.replace("_", " "))}</a>'
    versions = ", ".join(
        f"{of} {stamp[of]}" for of in ("python", "torch", "torchvision", "numpy") if of in stamp
    )
    seconds = f"{page.about['seconds']:.0f}"
    cells = (
        link,
        page.day,
        *map(escape, (page.hardware, versions, seconds, verdicts(page.claims))),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
