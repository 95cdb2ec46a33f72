"""The page in a real browser, opened from a file: spots, genes, keys, lasso, phone width, and no request."""

from __future__ import annotations

import csv
import time

import pytest
from helpers.chromium import chromium
from helpers.explored_slices import ODD, final_slice, write_final

from tissuegraph.explore.page import write_page
from tissuegraph.records import Record

STATUS = "element('status').textContent"
DRAWN = f"map.deck.isInitialized && {STATUS}.includes('coloured')"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of the page of 120 spots in three domains."""
    folder = tmp_path_factory.mktemp("page")
    write_page(Record("s", "explore"), write_final(folder / "s.h5ad"), folder / "s.html")
    return (folder / "s.html").as_uri()


# What a test that only looks at the page leaves as it was
STATE = f"[map.view.zoom, ...map.view.target, view.n_selected, location.hash, {STATUS}]"


def load(browser, address) -> None:
    """Load the page anew."""
    browser.open("about:blank")
    browser.requests.clear()
    browser.errors.clear()
    browser.open(address)
    browser.wait_for(DRAWN)


@pytest.fixture
def seen(browser, address):
    """The browser with the page as it is first seen, to look at: loaded where the last test changed it."""
    if not browser.value("window.asFirstSeen === true"):
        load(browser, address)
        browser.value("window.asFirstSeen = true")
    before = browser.value(STATE)
    yield browser
    assert browser.errors == []
    assert browser.value(STATE) == before


@pytest.fixture
def opened(browser, address):
    """The browser with the page to be changed; also where the keyboard stands is as it is first."""
    load(browser, address)
    yield browser
    assert browser.errors == []


def focus_is_on(browser) -> str:
    return browser.value("document.activeElement.id || document.activeElement.textContent.trim()")


def settle(browser) -> None:
    browser.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def pixel(browser, spot: int) -> tuple[float, float]:
    """Where a spot is seen, in pixels of the window."""
    at = "(map.points[2 * SPOT + k] - map.view.target[k]) * 2 ** map.view.zoom + map.room[k] / 2"
    box = "map.box.getBoundingClientRect()"
    return tuple(
        browser.value(f"[0, 1].map((k) => {at} + [{box}.left, {box}.top][k])".replace("SPOT", str(spot)))
    )


def test_it_opens_from_a_file_shows_all_spots_and_asks_for_nothing(seen, address):
    assert seen.value(STATUS) == "120 spots, coloured by Domains (final: stMFG)"
    elsewhere = [url for url in seen.requests if not url.startswith(("data:", "blob:"))]
    assert elsewhere == [address]
    assert seen.value("document.documentElement.dataset.refused") == "0"
    assert seen.value("performance.getEntriesByType('resource').length") == 0
    assert seen.value("element('trouble').hidden") is True


def test_the_policy_refuses_a_request_that_a_script_tries(opened):
    refused = "fetch('https://example.org/').then(() => 'sent', () => 'refused')"
    assert opened.value(refused) == "refused"
    opened.wait_for("document.documentElement.dataset.refused === '1'")
    assert not [url for url in opened.requests if "example.org" in url]
    opened.errors.clear()  # the browser's own word on it


def test_the_canvas_shows_the_colours_of_the_domains(seen):
    seen.wait_for("Boolean(map.picture)")
    settle(seen)
    place = pixel(seen, 0)
    shown = seen.value(
        "(async () => { map.deck.redraw('test'); const c = document.querySelector('#map canvas');"
        " const image = await createImageBitmap(c);"
        " const pen = new OffscreenCanvas(c.width, c.height).getContext('2d');"
        f" pen.drawImage(image, 0, 0); return [...pen.getImageData({place[0]}, {place[1]}, 1, 1).data]; }})()"
    )
    assert shown[:3] == [0x00, 0x72, 0xB2]


def test_the_legend_names_and_counts_the_categories_in_the_colours_of_the_file(seen):
    rows = seen.value(
        "[...document.querySelectorAll('#legend li')].map((row) => [row.querySelector('.name').textContent,"
        " row.querySelector('.count').textContent, row.querySelector('.swatch').style.backgroundColor])"
    )
    assert rows == [
        ["1", "40", "rgb(0, 114, 178)"],
        ["2", "40", "rgb(230, 159, 0)"],
        ["3", "40", "rgb(0, 158, 115)"],
    ]


def test_a_gene_is_found_by_its_symbol_and_by_the_address(opened, address):
    opened.value("element('gene').value = 'gene7'; element('gene').dispatchEvent(new Event('change'))")
    opened.wait_for(f"{STATUS} === '120 spots, coloured by Gene7'")
    assert opened.value("element('colour').selectedOptions[0].textContent") == "Gene7"
    assert opened.value("location.hash") == "#colour=Gene7"
    opened.open("about:blank")
    opened.open(f"{address}#colour=Gene8")
    opened.wait_for(f"{STATUS} === '120 spots, coloured by Gene8'")


def test_a_gene_that_is_not_there_is_answered_in_words(opened):
    opened.value("element('gene').value = 'NONE'; element('gene').dispatchEvent(new Event('change'))")
    assert "NONE is not among the" in opened.value("element('gene-answer').textContent")


def test_a_gene_of_an_odd_name_is_shown_as_it_is_written(opened):
    opened.value(f"colourBy(columns.keys().find((name) => columns.get(name).title === {ODD!r}))")
    assert opened.value(STATUS) == f"120 spots, coloured by {ODD}"


def test_values_under_the_pointer_are_told(seen):
    settle(seen)
    x, y = pixel(seen, 119)
    seen.mouse("mouseMoved", x - 1, y)
    seen.mouse("mouseMoved", x, y)
    seen.wait_for("!element('tip').hidden")
    assert seen.value("element('tip').textContent") == "SPOT00119-1\nDomains (final: stMFG): 3"


def test_keys_zoom_move_and_reset_the_map_and_nothing_else_does(seen):
    seen.value("element('map').focus()")
    before = seen.value("[map.view.zoom, ...map.view.target]")
    seen.press("+")
    assert seen.value("map.view.zoom") == pytest.approx(before[0] + 0.5)
    seen.press("ArrowRight", 39)
    assert seen.value("map.view.target[0]") > before[1]
    seen.press("ArrowDown", 40)
    assert seen.value("map.view.target[1]") > before[2]
    seen.press("0")
    assert seen.value("[map.view.zoom, ...map.view.target]") == pytest.approx(before)
    seen.value("element('name').focus()")
    seen.press("+")
    assert seen.value("map.view.zoom") == pytest.approx(before[0])


def test_tab_reaches_map_tools_legend_and_controls(opened):
    reached = []
    for _ in range(30):
        opened.press("Tab", 9)
        reached.append(focus_is_on(opened))
    wanted = [
        "map",
        "nearer",
        "farther",
        "home",
        "draw",
        "colour",
        "gene",
        "Show all",
        "take-shown",
        "name",
        "size",
    ]
    places = [reached.index(name) for name in wanted]
    assert places == sorted(places)


def test_focus_on_a_category_dims_the_others_and_leaving_it_shows_all(opened):
    opened.value("element('gene').focus()")
    opened.press("Tab", 9)
    opened.wait_for("document.activeElement.type === 'checkbox'")
    settle(opened)
    dims = "[...new Set([...map.colours].filter((_, k) => k % 4 === 3))].sort((a, b) => a - b)"
    assert opened.value(dims) == [40, 255]
    opened.value("element('gene').focus()")
    settle(opened)
    assert opened.value(dims) == [255]


def test_hidden_categories_are_not_selected(opened):
    opened.value("document.querySelector('#legend li input').click()")
    opened.value("element('take-shown').click()")
    assert opened.value("element('chosen').textContent") == "80 of 120 spots selected."


def test_a_lasso_selects_the_spots_inside_and_their_barcodes_are_saved(opened, tmp_path):
    opened.save_downloads(tmp_path)
    opened.value("element('draw').click()")
    left, top = pixel(opened, 0)
    right, low = pixel(opened, 13)  # the second spot of the second row: 2 x 2 spots
    corners = [(left - 5, top - 5), (right + 5, top - 5), (right + 5, low + 5), (left - 5, low + 5)]
    opened.mouse("mousePressed", *corners[0], held=True)
    for corner in corners[1:]:
        opened.mouse("mouseMoved", *corner, held=True)
    opened.mouse("mouseReleased", *corners[-1])
    opened.wait_for("view.n_selected > 0")
    assert opened.value("element('chosen').textContent") == "4 of 120 spots selected."
    opened.value("element('name').value = 'my, \"layer\"'; element('download').click()")
    until = time.monotonic() + 20
    while not (found := list(tmp_path.glob("*.csv"))):
        assert time.monotonic() < until
        opened.value("1")
        time.sleep(0.1)
    assert found[0].name == "s.my_layer_.csv"
    with found[0].open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["barcode"] for row in rows] == ["SPOT00000-1", "SPOT00001-1", "SPOT00012-1", "SPOT00013-1"]
    assert {row["label"] for row in rows} == {'my, "layer"'}


def test_a_phone_shows_it_without_scrolling_sideways(browser, address):
    browser.open("about:blank")
    browser.open(address, width=360, height=740)
    browser.wait_for(DRAWN)
    assert browser.value("document.documentElement.scrollWidth") <= 360
    assert browser.value("element('map').clientWidth") == 360
    buttons = "[...document.querySelectorAll('button, select')].filter((button) => button.offsetParent)"
    small = f"{buttons}.filter((button) => button.offsetHeight < 40).length"
    assert browser.value(small) == 0


def test_a_browser_without_webgl_gets_words_and_the_legend(browser, address):
    script = (
        "{ const given = HTMLCanvasElement.prototype.getContext; HTMLCanvasElement.prototype.getContext ="
        " function (kind, ...rest) { return kind === 'webgl2' ? null : given.call(this, kind, ...rest); }; }"
    )
    added = browser.call("Page.addScriptToEvaluateOnNewDocument", source=script)["identifier"]
    try:
        browser.open("about:blank")
        browser.open(address)
        browser.wait_for(f"{STATUS}.includes('coloured')")
    finally:
        browser.call("Page.removeScriptToEvaluateOnNewDocument", identifier=added)
    assert "shows no WebGL 2" in browser.value("element('trouble').textContent")
    assert browser.value("document.querySelectorAll('#legend li').length") == 3


@pytest.mark.long
def test_200_000_spots_open(browser, tmp_path):
    data = final_slice(columns=500, rows=400, n_genes=6)
    write_page(Record("s", "explore"), write_final(tmp_path / "s.h5ad", data), tmp_path / "s.html")
    browser.open("about:blank")
    browser.open((tmp_path / "s.html").as_uri())
    browser.wait_for(DRAWN)
    assert browser.value(STATUS).startswith("200,000 spots")
