"""The built book in a real browser: Chromium, where it is installed; `RECIPES_REQUIRE_BROWSER=1`
refuses to skip.
"""

import io
import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from typer.testing import CliRunner

from recipes_lib.book.cli import app
from recipes_lib.book.project import Book

ROOT = Path(__file__).parent.parent
BOOK = Book.find(ROOT)
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

pytestmark = pytest.mark.skipif(
    not CHROMIUM and os.environ.get("RECIPES_REQUIRE_BROWSER") != "1",
    reason="Chromium is not installed",
)


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The book, built from the outputs that the chapters hold."""
    root = tmp_path_factory.mktemp("book")
    shutil.copy(BOOK.claims_file, root)
    pages = (f"{page}.md" for page in BOOK.pages if not page.startswith("chapters/"))
    for name in ("_config.yml", "_toc.yml", "references.bib", *pages):
        shutil.copy(ROOT / name, root)
    for name in ("_static", "chapters", "benchmarks/results"):
        shutil.copytree(ROOT / name, root / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        result = CliRunner().invoke(app, ["build", "--executed", "chapters"])
    assert result.exit_code == 0, result.output
    return root / "_build" / "html"


@pytest.fixture(scope="module")
def address(html: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=html)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM, "RECIPES_REQUIRE_BROWSER is set, but there is no Chromium; install it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(
        color_scheme=request.param, viewport={"width": 1280, "height": 900}
    )
    yield context.new_page()
    context.close()


@pytest.fixture
def light(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", BOOK.pages)
def test_a_page_loads_whole_from_its_own_origin_and_can_be_read_by_all(
    page: Page, address: str, name: str
) -> None:
    wrong: list[str] = []
    page.on(
        "console", lambda message: wrong.append(message.text) if message.type == "error" else None
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith((address, "data:")) else wrong.append(request.url)
        ),
    )
    page.on(
        "response",
        lambda response: None if response.ok else wrong.append(f"{response.status} {response.url}"),
    )
    page.goto(f"{address}{name}.html")
    page.wait_for_load_state("networkidle")
    assert not wrong
    assert (
        page.evaluate(
            "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
        )
        == []
    )
    assert page.evaluate("[...document.images].filter(i => !i.alt.trim()).map(i => i.src)") == []
    found = Axe().run(page).response["violations"]
    serious = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    assert not serious, [
        (rule["id"], [node["html"][:150] for node in rule["nodes"][:3]]) for rule in serious
    ]
    page.set_viewport_size({"width": 390, "height": 844})  # a phone
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("name", ["index", *BOOK.pages])
def test_no_link_within_the_book_is_dead(html: Path, name: str) -> None:
    here = html / f"{name}.html"
    for anchor in BeautifulSoup(here.read_text(), "html.parser").find_all("a", href=True):
        link = urlparse(str(anchor["href"]))
        if not link.scheme:
            there = (here.parent / unquote(link.path)).resolve() if link.path else here
            assert there.is_file(), anchor
            assert not link.fragment or f'id="{unquote(link.fragment)}"' in there.read_text(), (
                anchor
            )


@pytest.mark.parametrize("name", [recipe.name for recipe in BOOK.recipes])
def test_search_finds_a_recipe_by_its_name(light: Page, address: str, name: str) -> None:
    light.goto(f"{address}search.html?q={name.replace('_', '+')}")
    results = light.locator("#search-results a")
    results.first.wait_for()
    light.wait_for_function(
        "document.querySelector('#search-results p.search-summary')?.textContent.includes('found')"
    )
    assert any(
        f"chapters/{name}.html" in (link.get_attribute("href") or "") for link in results.all()
    )


def test_figures_bring_their_own_ground_to_a_dark_page(html: Path) -> None:
    figures = sorted((html / "_images").glob("*.png"))
    assert figures
    for path in figures:
        picture = Image.open(io.BytesIO(path.read_bytes())).convert("RGBA")
        assert picture.getpixel((0, 0)) == (255, 255, 255, 255), path.name


def test_every_question_stands_on_the_first_screen(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{address}{BOOK.pages[0]}.html")
    cards = page.locator(".recipe-cards li")
    assert cards.count() == len(BOOK.recipes)
    boxes = [card.bounding_box() for card in cards.all()]
    assert max(box["y"] + box["height"] for box in boxes if box) <= 900
    page.close()


def test_one_control_opens_and_closes_all_folded_code(light: Page, address: str) -> None:
    light.goto(f"{address}chapters/{BOOK.recipes[0].name}.html")
    folded = light.locator("details.hide.above-input")
    total = folded.count()
    assert total > 3
    control = light.get_by_role("button", name="all code")
    for said, pressed, opened in (("Hide", "true", total), ("Show", "false", 0)):
        control.press("Enter")
        assert light.locator("details.hide.above-input[open]").count() == opened
        assert control.get_attribute("aria-pressed") == pressed
        assert control.inner_text() == f"{said} all code"


def test_paper_shows_whole_tables_and_no_controls(light: Page, address: str) -> None:
    light.goto(f"{address}chapters/{BOOK.recipes[0].name}.html")
    light.emulate_media(media="print")
    assert not light.locator(".show-code").is_visible()
    assert not light.locator("details.hide.above-input:visible").count()


def test_the_ledger_sorts(light: Page, address: str) -> None:
    light.goto(f"{address}ledger.html")
    head = light.locator("table.ledger > thead th", has_text="Claim")
    for order, reverse in (("ascending", False), ("descending", True)):
        head.get_by_role("button").press("Enter")
        assert head.get_attribute("aria-sort") == order
        texts = light.locator("table.ledger > tbody > tr:first-child > th").all_text_contents()
        ranked = light.evaluate("texts => texts.toSorted((a, b) => a.localeCompare(b))", texts)
        assert texts == (ranked[::-1] if reverse else ranked)


@pytest.mark.parametrize(
    ("name", "data", "by"),
    [("verdict", "verdicts", " "), ("recipe", "recipe", " "), ("source", "sources", "|")],
)
def test_the_ledger_filters(light: Page, address: str, name: str, data: str, by: str) -> None:
    light.goto(f"{address}ledger.html")
    select = light.get_by_label(f"Show claims of one {name}")
    total = light.locator("table.ledger > tbody").count()
    assert total == len(BOOK.claims)
    for option in select.locator("option").all()[1:]:
        value = option.get_attribute("value") or ""
        select.select_option(value)
        shown = light.locator("table.ledger > tbody:visible")
        assert shown.count() > 0
        held = [(one.get_attribute(f"data-{data}") or "").split(by) for one in shown.all()]
        assert all(value in values for values in held)
        assert light.get_by_role("status").inner_text() == f"{shown.count()} of {total} claims"


def test_the_ledger_is_searched_and_opens_to_its_cases(light: Page, address: str) -> None:
    light.goto(f"{address}ledger.html")
    light.get_by_label("Show claims that hold these words").fill("cyclical RATE")
    shown = light.locator("table.ledger > tbody:visible")
    assert 0 < shown.count() < len(BOOK.claims)
    assert all("cyclical" in text.lower() for text in shown.all_text_contents())
    case = shown.first.get_by_role("table")
    assert not case.is_visible()
    shown.first.locator("summary").press("Enter")
    assert case.is_visible()


def test_the_ledger_is_a_plain_table_without_a_script(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}ledger.html")
    assert page.locator("table.ledger > tbody:visible").count() == len(BOOK.claims)
    assert page.locator("table.ledger > thead th").first.inner_text() == "Claim"
    context.close()


def test_the_book_reads_from_a_stick(light: Page, html: Path) -> None:
    wrong: list[str] = []
    light.on(
        "console", lambda message: wrong.append(message.text) if message.type == "error" else None
    )
    light.goto(f"{html.as_uri()}/ledger.html")
    light.get_by_label("Show claims of one recipe").select_option(index=1)
    light.goto(f"{html.as_uri()}/index.html")
    light.locator(".recipe-cards a").first.click()
    light.wait_for_url(f"{html.as_uri()}/chapters/*.html")
    light.get_by_role("heading", name="Measured").wait_for()
    assert not wrong


def test_code_can_be_copied_and_a_notebook_taken_home(
    light: Page, address: str, html: Path
) -> None:
    light.goto(f"{address}chapters/{BOOK.recipes[0].name}.html")
    assert light.locator("button.copybtn").count() > 3
    source = light.locator("a.btn-download-source-button").first.get_attribute("href")
    assert source
    assert (html / "chapters" / source).resolve().is_file()
