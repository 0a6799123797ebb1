"""The built site in a real browser, opened from disk: what a reader would see, on a desktop and on a phone.

Needs ``make site``. Chromium is Debian's; it is installed where that is possible. Where something is missing the tests
are skipped and say why, except in CI, where they fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

pytestmark = pytest.mark.timeout(600)
BUILD = Path(__file__).parents[2] / "build"
SITE, SCREENSHOTS = BUILD / "site", BUILD / "screenshots"
DESKTOP, PHONE = dict(width=1280, height=1600), dict(width=390, height=1600)
INSPECT = """() => {
  const size = (element) => { const box = element.getBoundingClientRect(); return [box.width, box.height]; };
  const all = (selector) => [...document.querySelectorAll(selector)];
  for (const details of all("details")) details.open = true;
  for (const image of all("img")) image.loading = "eager";
  return {
    formulas: all(".math").length,
    rendered: all("mjx-container").map(size),
    errors: all("mjx-merror, .merror").map((element) => element.textContent),
    ids: all("[id]").map((element) => element.id),
    links: all("a[href]").map((element) => element.href),
    headings: all("article :is(h1, h2, h3, h4)").map((element) => Number(element.tagName[1])),
  };
}"""
IMAGES = """async () => Promise.all([...document.querySelectorAll("article img")].map(async (image) => {
  await image.decode().catch(() => null);
  return [image.src, image.naturalWidth, image.alt];
}))"""
WIDER = """() => {
  const boxed = ".scroll, pre, div.math, .cell_output, p";
  const out = (one) => one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(boxed);
  const found = [...document.querySelectorAll("article *")].filter(out).map((one) => one.outerHTML.slice(0, 120));
  return [...(document.documentElement.scrollWidth > innerWidth + 1 ? ["the page scrolls"] : []), ...found.slice(0, 3)];
}"""


@dataclass
class Visit:
    """What one page said and showed."""

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)
    images: list[tuple[str, int, str]] = field(default_factory=list)
    wider_than_a_phone: list[str] = field(default_factory=list)


def missing(reason: str) -> None:
    """Skip with the reason, or fail where it must not be missing."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def chromium() -> str:
    """Return the path of Debian's Chromium, installed first where it is not there."""
    if not shutil.which("chromium") and shutil.which("apt-get") and os.geteuid() == 0:
        for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", "--quiet", *command], capture_output=True, timeout=280, check=False)
    found = shutil.which("chromium")
    if not found:
        missing("Chromium is not installed, and cannot be from here: apt-get install chromium")
    return str(found)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("the site's dependencies are not installed: run make site")
    if not (SITE / "index.html").exists():
        missing("the site is not built: run make site")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def visits(browser: Any) -> dict[Path, Visit]:
    """Every page visited once: in light on a desktop, then in dark on a phone."""
    pages = sorted(path for path in SITE.rglob("*.html") if "_static" not in path.parts)
    page = browser.new_page(viewport=DESKTOP)
    page.set_default_timeout(20_000)
    current = Visit()
    page.on("console", lambda message: message.type == "error" and current.complaints.append(message.text))
    page.on("pageerror", lambda error: current.complaints.append(str(error)))
    page.on("requestfailed", lambda request: current.complaints.append(f"failed: {request.url}"))
    page.on("request", lambda request: current.requests.append(request.url))
    shutil.rmtree(SCREENSHOTS, ignore_errors=True)
    SCREENSHOTS.mkdir(parents=True)
    visited = {}
    for path in pages:
        visited[path] = current = Visit()
        name = str(path.relative_to(SITE).with_suffix("")).replace("/", ".")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(DESKTOP)
        page.goto(path.as_uri())
        page.evaluate("window.MathJax?.startup?.promise")
        page.screenshot(path=SCREENSHOTS / f"{name}-desktop.png")
        current.found = page.evaluate(INSPECT)
        current.images = page.evaluate(IMAGES)
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size(PHONE)
        current.wider_than_a_phone = page.evaluate(WIDER)
        page.screenshot(path=SCREENSHOTS / f"{name}-phone.png")
    page.close()
    return visited


def offenders(visits: dict[Path, Visit], what: Any) -> dict[str, Any]:
    """Return what is wrong with each page where something is."""
    wrong = {str(path.relative_to(SITE)): what(visit) for path, visit in visits.items()}
    return {name: said for name, said in wrong.items() if said}


def test_every_page_loads_without_a_complaint(visits):
    assert len(visits) > 15
    assert not offenders(visits, lambda visit: visit.complaints)


def test_nothing_is_asked_of_the_network(visits):
    local = (SITE.as_uri(), "data:", "blob:")
    assert not offenders(visits, lambda visit: [url for url in visit.requests if not url.startswith(local)])


def test_formulas_are_rendered(visits):
    def wrong(visit: Visit) -> Any:
        rendered = visit.found["rendered"]
        flat = [size for size in rendered if min(size) < 1]
        return visit.found["errors"] or flat or (visit.found["formulas"] != len(rendered) and "some are not rendered")

    assert sum(len(visit.found["rendered"]) for visit in visits.values()) > 500
    assert not offenders(visits, wrong)


def test_images_have_a_size_and_a_description(visits):
    figures = [image for visit in visits.values() for image in visit.images]
    assert len(figures) > 100
    assert not offenders(visits, lambda visit: [image for image in visit.images if image[1] == 0])
    written = {path: visit for path, visit in visits.items() if "notebooks" not in path.parts}  # outputs have no text
    assert not offenders(written, lambda visit: [src for src, _, alt in visit.images if not alt])


def test_links_and_anchors_resolve(visits):
    ids = {path.resolve(): set(visit.found["ids"]) for path, visit in visits.items()}

    def broken(link: str) -> bool:
        parts = urlsplit(link)
        if parts.scheme != "file":
            return parts.scheme not in ("https", "mailto")
        target = Path(unquote(parts.path)).resolve()
        anchors = ids.get(target, {unquote(parts.fragment)})  # of a picture there is no anchor to check
        return not target.is_file() or (parts.fragment != "" and unquote(parts.fragment) not in anchors)

    assert not offenders(visits, lambda visit: [link for link in visit.found["links"] if broken(link)])


def test_headings_skip_no_level(visits):
    def skips(visit: Visit) -> list[tuple[int, int]]:
        levels = visit.found["headings"]
        return [pair for pair in zip([0, *levels], levels, strict=False) if pair[1] > pair[0] + 1]

    assert not offenders(visits, skips)


def test_pages_fit_a_phone(visits):
    assert not offenders(visits, lambda visit: visit.wider_than_a_phone)


@pytest.fixture
def gallery(browser: Any) -> Iterator[Any]:
    page = browser.new_page(viewport=DESKTOP, color_scheme="dark")
    page.goto((SITE / "gallery.html").as_uri())
    yield page
    page.close()


def shown(page: Any) -> list[dict[str, str]]:
    return page.eval_on_selector_all(".card:not([hidden])", "cards => cards.map((card) => ({...card.dataset}))")


@pytest.mark.parametrize("name", ["family", "kind", "status"])
def test_the_gallery_filters(gallery, name):
    everything = shown(gallery)
    for choice in gallery.eval_on_selector_all(f"select[name={name}] option", "options => options.map((o) => o.value)"):
        gallery.select_option(f"select[name={name}]", choice)
        expected = [card for card in everything if not choice or choice in card[name].split()]
        assert expected and shown(gallery) == expected
        assert gallery.inner_text("#count") == f"{len(expected)} of {len(everything)} figures"


def test_filters_combine_by_keyboard_and_stay_in_the_address(gallery):
    everything = shown(gallery)
    gallery.focus("select[name=family]")
    gallery.keyboard.press("ArrowDown")  # the first family
    gallery.keyboard.press("Tab")
    gallery.keyboard.press("ArrowDown")  # the first kind
    chosen = shown(gallery)
    family, kind = (gallery.input_value(f"select[name={name}]") for name in ("family", "kind"))
    assert chosen == [card for card in everything if card["family"] == family and kind in card["kind"].split()]
    assert gallery.url.endswith(f"#family={family}&kind={kind}")
    gallery.reload()
    assert shown(gallery) == chosen, "the address brings the choice back"
    gallery.click("#filter button")
    gallery.wait_for_function("() => !document.querySelector('.card[hidden]')")
    assert shown(gallery) == everything


def test_figures_keep_a_light_ground_in_the_dark(gallery):
    colour = "all => all.map((one) => getComputedStyle(one).backgroundColor)"
    grounds = gallery.eval_on_selector_all(".card img", colour)
    assert set(grounds) == {"rgb(255, 255, 255)"}
    assert gallery.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"


def test_an_address_with_a_claim_leads_to_it(browser):
    page = browser.new_page(viewport=DESKTOP)
    page.goto((SITE / "families" / "random_features.html").as_uri() + "#random-features-20")
    page.evaluate("window.MathJax?.startup?.promise")
    top = "document.getElementById('random-features-20').getBoundingClientRect().top"
    page.wait_for_function(f"() => Math.abs({top}) < 200", timeout=20_000)
    page.close()


def test_search_finds_a_page_from_disk(browser):
    page = browser.new_page()
    page.goto((SITE / "search.html").as_uri() + "?q=resolution")
    page.wait_for_selector("#search-results li a", timeout=20_000)
    titles = page.eval_on_selector_all("#search-results li a", "links => links.map((link) => link.textContent)")
    page.close()
    assert any("How a check decides" in title for title in titles)
