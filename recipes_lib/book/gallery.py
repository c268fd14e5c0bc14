"""The gallery on the landing page: a card for each recipe, with a figure, its time and its
verdicts.
"""

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import PurePosixPath

from PIL import Image, ImageOps

from recipes_lib.book.executed import Executed
from recipes_lib.book.project import CHAPTERS, Book
from recipes_lib.book.report import verdicts

THUMBNAILS = PurePosixPath("_static") / "thumbnails"
SIZE = (640, 360)


def to_markdown(book: Book, pages: Sequence[Executed]) -> str:
    """A grid of cards for each part of the book that has recipes."""
    by_name = {page.recipe.name: page for page in pages}
    parts = [(caption, [by_name[name] for name in names]) for caption, names in book.parts.items()]
    return "\n\n".join(f"### {caption}\n\n{_grid(mine)}" for caption, mine in parts if mine)


def thumbnails(pages: Sequence[Executed]) -> Iterator[tuple[str, bytes]]:
    """Names and PNGs of the figures, all of one shape."""
    for page in pages:
        if page.figure:
            picture = Image.open(BytesIO(page.figure[0])).convert("RGB")
            small = ImageOps.pad(picture, SIZE, Image.Resampling.LANCZOS, color="white")
            stored = BytesIO()
            small.save(stored, "PNG", optimize=True)
            yield str(THUMBNAILS / f"{page.recipe.name}.png"), stored.getvalue()


def _grid(pages: Sequence[Executed]) -> str:
    return "\n".join([":::::{grid} 1 2 3 3", ":gutter: 3", "", *map(_card, pages), ":::::"])


def _card(page: Executed) -> str:
    name = page.recipe.name
    image = (
        f":img-top: {THUMBNAILS}/{name}.png\n:img-alt: {' '.join(page.figure[1].split())}\n"
        if page.figure
        else ""
    )
    said = f"{verdicts(page.claims)} · {page.about['seconds']:.0f} s"
    return (
        f"::::{{grid-item-card}} {page.recipe.title}\n:link: {CHAPTERS}/{name}\n:link-type: doc\n{image}\n"
        f":::{{card-footer}}\n{said}\n:::\n::::\n"
    )
