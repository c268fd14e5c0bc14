"""The page that says of each recipe when it ran, on what, with which versions, for how long, and to
what verdicts.
"""

from collections.abc import Sequence
from html import escape

from recipes_lib.book.executed import Executed
from recipes_lib.book.project import CHAPTERS
from recipes_lib.book.report import verdicts

COLUMNS = ("Recipe", "Last run", "Outputs of", "Hardware", "Versions", "Seconds", "Verdicts")
PACKAGES = ("python", "torch", "torchvision", "numpy")


def to_html(pages: Sequence[Executed]) -> str:
    """The rows for the book's page; without a blank line, at which Markdown would end the table."""
    head = "".join(f'<th scope="col">{column}</th>' for column in COLUMNS)
    body = "\n".join(_row(page) for page in pages)
    table = (
        f'<table class="table runs">\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>"
    )
    return f'<div class="wide" tabindex="0" role="region" aria-label="Runs">\n{table}\n</div>'


def _row(page: Executed) -> str:
    name, stamp = page.recipe.name, page.stamp
    link = f'<a href="{CHAPTERS}/{name}.html">{escape(name.replace("_", " "))}</a>'
    versions = ", ".join(f"{of} {stamp[of]}" for of in PACKAGES if of in stamp)
    seconds = "" if page.seconds is None else f"{page.seconds:.0f}"
    outputs = f"{page.day}, with {page.given()}" if page.changed else page.day
    said = (page.status, outputs, page.hardware, versions, seconds, verdicts(page.claims))
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in said)
    return f'<tr><th scope="row">{link}</th>{cells}</tr>'
