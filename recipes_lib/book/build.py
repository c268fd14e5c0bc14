"""Build the book: stage pages and executed notebooks, then let jupyter-book draw them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
import yaml
from filelock import FileLock

from recipes_lib.book import gallery, ledger, ledger_page, runs, speed
from recipes_lib.book.errors import BookError
from recipes_lib.book.executed import Executed
from recipes_lib.book.files import make_writable, write_whole
from recipes_lib.book.page import compose
from recipes_lib.book.project import CHAPTERS, Book
from recipes_lib.book.scratch import Scratch

SUFFIXES = (".md", ".ipynb", ".rst")
JUPYTER_BOOK = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
HERE = r"\"RECIPES_SOURCE\", \"..\""
LAUNCH = "launch"  # the branch with the notebooks as they are published
LINKS = ("use_repository_button", "use_issues_button", "use_edit_page_button")


def build(book: Book, executed: Path, *, one_page: bool = False) -> tuple[Path, bool] | None:
    """Build `_build/html`, or all on one page in `_build/print`; return its first page and whether
    it is new.

    A recipe that failed or was not run stands in it with a banner. Returns None where the build
    failed. Raises `BookError` for a page that is missing.
    """
    make_writable(book.root / "_build")
    with FileLock(book.root / "_build" / "build.lock"):  # two builds would share their stage
        return _build(book, executed, "print" if one_page else "html")


def _build(book: Book, executed: Path, name: str) -> tuple[Path, bool] | None:
    staged = dict(_staged(book, executed))
    html, seal = book.root / "_build" / name, book.root / "_build" / f"{name}.sha256"
    digest = _digest(staged)
    if seal.exists() and seal.read_text() == digest and (html / "index.html").exists():
        return html / "index.html", False
    stage = book.root / "_build" / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    for path, content in staged.items():
        write_whole(stage / path, content)
    seal.unlink(missing_ok=True)
    if not _draw(stage, html, "singlehtml" if name == "print" else "html"):
        return None
    write_whole(seal, digest)
    return html / "index.html", True


def _draw(stage: Path, html: Path, builder: str) -> bool:
    with Scratch("book-", html.parent) as scratch:
        folder = scratch.folder
        # A folder of its own: from a half-built one, a second try would not repeat the warnings of
        # the first.
        options = ["-q", "-W", "-n", "--keep-going", "--builder", builder]
        # On standard output it only says where the book lies, which is where it lies no longer.
        command = [*JUPYTER_BOOK, "build", str(stage), *options, "--path-output", str(folder)]
        environment = os.environ | scratch.environment
        if subprocess.run(
            command, cwd=stage, env=environment, stdout=subprocess.DEVNULL, check=False
        ).returncode:
            return False
        if html.exists():
            html.rename(folder / "before")
        drawn = folder / "_build" / builder
        for path in drawn.rglob("*.html"):
            path.write_text(_mended(path.read_text(encoding="utf-8"), builder), encoding="utf-8")
        drawn.rename(html)
    return True


def _mended(page: str, builder: str) -> str:
    page = re.sub(
        r"(colab\.research\.google\.com/github/[\w.-]+/[\w.-]+/blob)/[\w.-]+/",
        rf"\1/{LAUNCH}/",
        page,
    )
    # docutils makes a list of bibliographies, for screen readers, but no items of their entries.
    page = page.replace('<div role="list" class="citation-list">', "<div>")
    return _on_one_page(page) if builder == "singlehtml" else page


def _on_one_page(page: str) -> str:
    """Have the links that we write ourselves lead to the recipe's or the claim's place there."""
    page = re.sub(rf'href="{CHAPTERS}/\w+\.html(#claim-[^"]*)"', r'href="\1"', page)
    return re.sub(rf'href="({CHAPTERS}/\w+)\.html[^"]*"', r'href="#document-\1"', page)


def _digest(staged: dict[str, bytes]) -> str:
    parts = [f"{name} {sha256(content).hexdigest()}" for name, content in sorted(staged.items())]
    return sha256("\n".join([version("jupyter-book"), *parts]).encode()).hexdigest()


def _staged(book: Book, executed: Path) -> Iterator[tuple[str, bytes]]:
    path = book.root / "_config.yml"
    config, url = yaml.safe_load(path.read_text(encoding="utf-8")), repository(book.root)
    yield "_config.yml", yaml.safe_dump(_with_links(config, url), sort_keys=False).encode()
    yield "_toc.yml", (book.root / "_toc.yml").read_bytes()
    pages = [Executed.read(recipe, executed) for recipe in book.recipes]
    yield from (_recipe(book, page, url) for page in pages)
    yield from _pages(book, pages)
    extra = [book.root / name for name in config.get("bibtex_bibfiles", [])]
    for path in [*extra, book.root / speed.FIGURE, *sorted((book.root / "_static").rglob("*"))]:
        if path.is_file():
            yield str(path.relative_to(book.root)), path.read_bytes()


def _recipe(book: Book, page: Executed, url: str | None) -> tuple[str, bytes]:
    protocol = book.registry.protocols.get(page.recipe.name)
    text: str = nbformat.v4.writes(compose(page, protocol.presumes if protocol else ""))
    if url:  # taken home or launched, the notebook finds `recipes_lib` there
        text = text.replace(HERE, rf"\"RECIPES_SOURCE\", \"git+{url}\"")
    return f"{CHAPTERS}/{page.recipe.path.name}", text.encode()


def _pages(book: Book, pages: Sequence[Executed]) -> Iterator[tuple[str, bytes]]:
    """The pages that are no recipes, and the downloads of the ledger."""
    rows = ledger.gather(book, pages)
    marks = {
        "gallery": lambda: gallery.to_html(book, pages),
        "ledger": lambda: ledger_page.to_html(rows),
        "runs": lambda: runs.to_html(pages),
        "speed": lambda: speed.to_markdown(book.root),
    }
    for name in book.pages:
        if not name.startswith(f"{CHAPTERS}/"):
            path = _page_path(book.root, name)
            text = _filled_in(path.read_text(encoding="utf-8"), marks)
            yield str(path.relative_to(book.root)), text.encode()
    yield "_static/ledger.csv", ledger.to_csv(rows).encode()
    yield "_static/ledger.json", ledger.to_json(rows).encode()


def _filled_in(text: str, marks: Mapping[str, Callable[[], str]]) -> str:
    """The page, with what was measured where it has marks such as `<!-- ledger -->`."""
    return re.sub(
        r"<!-- (\w+) -->", lambda mark: marks[mark[1]]() if mark[1] in marks else mark[0], text
    )


def _page_path(root: Path, page: str) -> Path:
    for suffix in SUFFIXES:
        if (path := root / f"{page}{suffix}").is_file():
            return path
    raise BookError(
        f"{root / '_toc.yml'} lists {page!r}, but there is no such page; write it or take it out"
    )


def repository(root: Path) -> str | None:
    """The GitHub address that is being built: of the workflow, else of the git remote; None where
    there is none.
    """
    if name := os.environ.get("GITHUB_REPOSITORY"):
        return f"https://github.com/{name}"
    command = ["git", "-C", str(root), "remote", "get-url", "origin"]
    remote = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    match = re.search(r"github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?$", remote)
    return f"https://github.com/{match[1]}" if match else None


def _with_links(config: dict[str, Any], url: str | None) -> dict[str, Any]:
    """Point the configuration's links at `url`; without one, draw none."""
    config = deepcopy(config)
    config.setdefault("repository", {})["url"] = url or ""
    if url is None:
        config.pop("launch_buttons", None)
        config["html"] = {
            key: value for key, value in config.get("html", {}).items() if key not in LINKS
        }
    return config
