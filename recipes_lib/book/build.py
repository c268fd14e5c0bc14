"""Build the book: stage pages and executed notebooks, then let jupyter-book draw them."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
import yaml

from recipes_lib.book import ledger, speed
from recipes_lib.book.files import make_writable, write_whole
from recipes_lib.book.fingerprint import source_digest
from recipes_lib.book.processes import run_tree
from recipes_lib.book.project import CHAPTERS, Book, BookError, Recipe, read_notebook, tags

LEDGER, SPEED = "<!-- ledger -->", "<!-- speed -->"
SUFFIXES = (".md", ".ipynb", ".rst")
JUPYTER_BOOK = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
LINKS = ("use_repository_button", "use_issues_button", "use_edit_page_button")


def build(book: Book, executed: Path) -> tuple[Path, bool] | None:
    """Build `_build/html`; return its first page and whether it is new, None where the build failed.

    Raises `BookError` for a page that is missing and for a recipe that was not executed as it stands.
    """
    staged = dict(_staged(book, executed))
    html, seal = book.root / "_build" / "html", book.root / "_build" / "html.sha256"
    digest = _digest(staged)
    if seal.exists() and seal.read_text() == digest and (html / "index.html").exists():
        return html / "index.html", False
    stage = book.root / "_build" / "stage"
    make_writable(stage.parent)
    shutil.rmtree(stage, ignore_errors=True)
    for name, content in staged.items():
        write_whole(stage / name, content)
    seal.unlink(missing_ok=True)
    if not _draw(stage, html):
        return None
    write_whole(seal, digest)
    return html / "index.html", True


def _draw(stage: Path, html: Path) -> bool:
    with tempfile.TemporaryDirectory(prefix="book-", dir=html.parent) as folder:
        # A folder of its own: from a half-built one, a second try would not repeat the warnings of the first.
        options = ["-q", "-W", "-n", "--keep-going", "--path-output", folder]
        # On standard output it only says where the book lies, which is where it lies no longer.
        command = [*JUPYTER_BOOK, "build", str(stage), *options]
        if run_tree(command, stage, os.environ, stdout=subprocess.DEVNULL):
            return False
        if html.exists():
            html.rename(Path(folder) / "before")
        (Path(folder) / "_build" / "html").rename(html)
    return True


def _digest(staged: dict[str, bytes]) -> str:
    parts = [f"{name} {sha256(content).hexdigest()}" for name, content in sorted(staged.items())]
    return sha256("\n".join([version("jupyter-book"), *parts]).encode()).hexdigest()


def _staged(book: Book, executed: Path) -> Iterator[tuple[str, bytes]]:
    config = yaml.safe_load((book.root / "_config.yml").read_text(encoding="utf-8"))
    yield "_config.yml", yaml.safe_dump(_with_links(config, repository(book.root)), sort_keys=False).encode()
    yield "_toc.yml", (book.root / "_toc.yml").read_bytes()
    for recipe in book.recipes:
        text: str = nbformat.v4.writes(_page(recipe, executed))
        yield f"{CHAPTERS}/{recipe.path.name}", text.encode()
    for page in book.pages:
        if not page.startswith(f"{CHAPTERS}/"):
            path = _page_path(book.root, page)
            yield str(path.relative_to(book.root)), _filled_in(book, path, executed)
    extra = [book.root / name for name in config.get("bibtex_bibfiles", [])]
    for path in [*extra, book.root / speed.FIGURE, *sorted((book.root / "_static").rglob("*"))]:
        if path.is_file():
            yield str(path.relative_to(book.root)), path.read_bytes()


def _page_path(root: Path, page: str) -> Path:
    for suffix in SUFFIXES:
        if (path := root / f"{page}{suffix}").is_file():
            return path
    raise BookError(f"{root / '_toc.yml'} lists {page!r}, but there is no such page; write it or take it out")


def _filled_in(book: Book, path: Path, executed: Path) -> bytes:
    """The page, with the ledger and the measured speed where it has their marks."""
    content = path.read_text(encoding="utf-8")
    if LEDGER in content:
        content = content.replace(LEDGER, ledger.to_html(ledger.rows(book, executed), book.sources))
    if SPEED in content:
        content = content.replace(SPEED, speed.to_markdown(book.root))
    return content.encode()


def _page(recipe: Recipe, executed: Path) -> Any:
    """The recipe's own prose with the outputs of its execution. Raises `BookError` where there is none."""
    path = executed / recipe.path.name
    if not path.exists():
        raise BookError(f"recipe {recipe.name!r} is not executed in {executed}; run `recipes run {recipe.name}`")
    done, page = read_notebook(path), deepcopy(recipe.notebook)
    about = done.metadata.get("recipes", {})
    if about.get("source") != source_digest(page):
        raise BookError(f"recipe {recipe.name!r} changed since it was executed; run `recipes run {recipe.name}`")
    outputs = iter([cell.outputs for cell in done.cells if _own_code(cell)])
    for cell in page.cells:
        if cell.cell_type == "code":
            cell.outputs = next(outputs)
        if "setup" in tags(cell):
            cell.metadata["tags"] = [*tags(cell), "hide-input"]
    page.cells.append(nbformat.v4.new_markdown_cell(_last_run(recipe, about), id="last-run"))
    return page


def _own_code(cell: Any) -> bool:
    return cell.cell_type == "code" and "injected-parameters" not in tags(cell)


def _last_run(recipe: Recipe, about: dict[str, Any]) -> str:
    changed = [
        f"`{name} = {value!r}`" for name, value in about["parameters"].items() if recipe.parameters[name] != value
    ]
    given = f" with {', '.join(changed)}" if changed else ""
    return f"---\n*Last run {about['finished'][:10]}, in {about['seconds']:.0f} s{given}.*"


def repository(root: Path) -> str | None:
    """The GitHub address that is being built: of the workflow, else of the git remote; None where there is none."""
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
        config["html"] = {key: value for key, value in config.get("html", {}).items() if key not in LINKS}
    return config
