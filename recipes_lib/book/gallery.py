"""The cards of the landing page: which recipe answers which question, and how it came out."""

import re
from collections import Counter
from collections.abc import Sequence
from html import escape

from recipes_lib.book.executed import Executed
from recipes_lib.book.page import minutes_to_read
from recipes_lib.book.project import CHAPTERS, Book
from recipes_lib.evidence.forest import COLOURS
from recipes_lib.evidence.words import WORDS

SHORT_ANSWER = re.compile(r"\*\*Short answer\.?\*\*\.?\s*(.+?)(?:\n\s*\n|\Z)", re.DOTALL)
SENTENCE = re.compile(r"(.+?[.!?])(?=\s+[^a-z\s]|\s*\Z)", re.DOTALL)
# Links keep their text; roles, emphasis and code lose their marks.
MARKS = re.compile(r"\{\w[\w:]*\}`[^`]*`|[*`]|\[(?=[^\]]*\]\()|(?<=\w)\]\([^)]*\)")


def to_html(book: Book, pages: Sequence[Executed]) -> str:
    """All recipes as cards, in the order of the book; without a blank line."""
    by_name = {page.recipe.name: page for page in pages}
    cards = [_card(by_name[name], part) for part, names in book.parts.items() for name in names]
    seen = {record["verdict"] for page in pages for record in page.claims}
    kinds = [kind for kind in COLOURS if kind in seen]
    key = " ".join(f'<span class="{kind}">{WORDS.get(kind, kind)}</span>' for kind in kinds)
    listed = "\n".join(cards)
    return f'<ul class="recipe-cards">\n{listed}\n</ul>\n<p class="verdict-key">Cases: {key}</p>'


def short_answer(done: Executed) -> str:
    """The first sentence of its short answer, as plain text; empty where it has none."""
    texts = (cell.source for cell in done.notebook.cells if cell.cell_type == "markdown")
    found = next(filter(None, map(SHORT_ANSWER.search, texts)), None)
    plain = " ".join(MARKS.sub("", found[1]).split()) if found else ""
    first = SENTENCE.match(plain)
    return first[1] if first else plain


def _card(done: Executed, part: str) -> str:
    name, title = done.recipe.name, escape(done.recipe.title)
    return (
        f'<li><a href="{CHAPTERS}/{name}.html"><small>{escape(part)}</small>'
        f"<strong>{title}</strong><span>{escape(short_answer(done))}</span></a>"
        f"{_bar(done)}<small>{_minutes(done)} · {_run(done)}</small></li>"
    )


def _minutes(done: Executed) -> str:
    return minutes_to_read(done).replace("minutes", "min").replace("minute", "min")


def _run(done: Executed) -> str:
    if done.failure:
        return '<strong class="contradicted">failed</strong>'
    if done.seconds is None:
        return "never run"
    long = done.seconds >= 100
    return f"{done.seconds / 60:.0f} min to run" if long else f"{done.seconds:.0f} s to run"


def _bar(done: Executed) -> str:
    """The shares of the verdicts; a screen reader hears them in words."""
    counts = Counter(record["verdict"] for record in done.claims)
    shown = [(kind, counts[kind]) for kind in COLOURS if counts[kind]]
    said = ", ".join(f"{count} {WORDS.get(kind, kind)}" for kind, count in shown)
    parts = "".join(
        f'<span class="{kind}" style="flex-grow:{count}">{count}</span>' for kind, count in shown
    )
    label = f"Cases: {said}" if said else "No verdicts yet"
    return f'<div class="verdict-bar" role="img" aria-label="{label}" title="{label}">{parts}</div>'
