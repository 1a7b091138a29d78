"""The page in a real browser: wide, narrow, light, dark and on paper, with keyboard and links."""

import re

import pytest
from browser import CHROMIUM, Browser

from lstm_ablate.report.page import html, with_pictures

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

WIDE, NARROW = 1400, 360
ODD = "naïve.a+b-1"  # a name with all that a name may hold
TASKS = "tasks: {easy: {}, größer.x+1: {data.noise: 0.5}}"

# Each text with too little contrast (below 4.5 : 1), and each line (below 3 : 1); the luminance is
# that of WCAG 2.1. What stands on a translucent ground is none of ours.
FAINT = """
(() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = colour => rgb(colour).slice(0, 3).map(one => one / 255)
    .map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, k) => sum + one * [0.2126, 0.7152, 0.0722][k], 0);
  const ground = element => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if ((rgb(colour)[3] ?? 1) > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (one, two) => {
    const [low, high] = [light(one), light(two)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const faint = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement, style = getComputedStyle(element);
    if (!walk.currentNode.data.trim() || !element.getClientRects().length) continue;
    const ink = element.closest("svg") ? style.fill : style.color;
    if (contrast(ink, ground(element)) < 4.5) faint.push([walk.currentNode.data, ink]);
  }
  for (const element of document.querySelectorAll("svg path, svg use")) {
    const style = getComputedStyle(element);
    if (style.stroke === "none" || style.strokeOpacity < 1 || element.closest("defs")) continue;
    if (contrast(style.stroke, ground(element)) < 3) faint.push([element.outerHTML, style.stroke]);
  }
  return faint;
})()
"""
# How many curves of the variant at a place are there, and how many of them are seen.
CURVES = """
(place => { const all = [...document.querySelectorAll("svg .v" + place)];
  return [all.length, all.filter(one => one.getBoundingClientRect().width).length]; })(%d)
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One browser for all tests, since starting it takes as long as all that they do with it."""
    one = Browser(tmp_path_factory.mktemp("browser"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def page(summarised, hostile):
    """A page with two tasks, odd names, a hostile question, and runs that diverged or are stuck."""
    return html(summarised(TASKS, hostile, ODD))


def heard(browser, *names):
    """What the page did of itself."""
    return [parameters for name, parameters in browser.heard if name in names]


def logged(browser):
    return heard(browser, "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")


def asked(browser):
    """The files that a page has asked for, but for itself, where no policy forbade it."""
    failed = heard(browser, "Network.loadingFailed")
    forbidden = {one["requestId"] for one in failed if one.get("blockedReason") == "csp"}
    _, *others = heard(browser, "Network.requestWillBeSent")
    urls = [one["request"]["url"] for one in others if one["requestId"] not in forbidden]
    return [url.rpartition("/")[2] for url in urls]


def test_it_logs_no_error_and_loads_nothing_else(browser, page):
    browser.look(WIDE)
    browser.open(page)
    assert logged(browser) == [] and asked(browser) == []
    acts = "<script>console.error('no')</script><img src='x.png'>"
    # For comparison, this is a page in which code does run.
    browser.open(f"<!DOCTYPE html><body>{acts}")
    assert logged(browser) and asked(browser) == ["x.png"]
    policy = re.search(r"<meta http-equiv.*?>", page)[0]
    browser.open(f"<!DOCTYPE html><head>{policy}</head><body>{acts}")
    assert "Content Security Policy" in str(logged(browser)) and asked(browser) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_all_of_it_can_be_read_without_scrolling_sideways(browser, page, width, dark):
    browser.look(width, dark=dark)
    browser.open(page)
    assert browser.ask("document.documentElement.scrollWidth") == width
    assert browser.ask("getComputedStyle(document.body).backgroundColor") == (
        "rgb(23, 24, 26)" if dark else "rgb(255, 255, 255)"
    )
    assert browser.ask(FAINT) == []
    # No label of a figure is lower than this, in pixels; a figure that does not fit is scrolled.
    texts = "[...document.querySelectorAll('figure text')]"
    assert min(browser.ask(f"{texts}.map(one => one.getBoundingClientRect().height)")) > 7
    # Nor is a column so narrow that it has a few letters a line.
    cells = "[...document.querySelectorAll('td')]"
    assert browser.ask(f"Math.min(...{cells}.map(one => one.clientWidth))") > 40
    assert browser.ask(f"Math.max(...{cells}.map(one => one.clientHeight))") < 300
    # For comparison, the grey and the orange of the figures as they are drawn on white.
    browser.ask("document.body.style = 'color: #7f7f7f; --line1: #e69f00'")
    faint = {colour for _, colour in browser.ask(FAINT)}
    assert dark or faint == {"rgb(127, 127, 127)", "rgb(230, 159, 0)"}


def test_a_long_name_leaves_room_for_the_columns_of_numbers(browser, summarised):
    name = "-".join(["relu_between"] * 5)[:64]
    browser.look(WIDE)
    browser.open(with_pictures(summarised(TASKS, alike=name), []))
    over = "[...document.querySelectorAll('#table ~ .wide')].map(w => w.scrollWidth-w.clientWidth)"
    assert set(browser.ask(over)) == {0}
    cell = f"document.getElementById('variant-easy/{name}').cells[0].getBoundingClientRect().width"
    assert browser.ask(cell) < 260
    browser.look(NARROW)
    assert browser.ask(cell) < NARROW / 2


def test_a_checkbox_hides_the_curves_of_its_variant(browser, page):
    browser.look(WIDE)
    browser.open(page)
    labels = browser.ask(
        "[...document.querySelectorAll('.switches label')].map(one => one.textContent)"
    )
    assert labels == ["base", "better", ODD, "wild", "gone"]  # none of "broken" has a curve
    # A median and quartiles in each of two tasks; a run that diverged has a cross.
    assert [browser.ask(CURVES % k) for k in range(6)] == [[4, 4]] * 3 + [[6, 6]] * 2 + [[0, 0]]
    browser.ask("document.getElementById('show-2').click()")
    assert [browser.ask(CURVES % k) for k in (1, 2, 3)] == [[4, 4], [4, 0], [6, 6]]
    # With the keyboard: from one switch to the next, and off and on again.
    browser.ask("document.getElementById('show-2').focus()")
    browser.press("Tab", 9)
    assert browser.ask("document.activeElement.id") == "show-3"
    browser.press(" ", 32, " ")
    assert browser.ask(CURVES % 3) == [6, 0]
    browser.press(" ", 32, " ")
    assert browser.ask(CURVES % 3) == [6, 6]


def test_each_link_leads_to_its_place(browser, page):
    browser.look(NARROW)
    browser.open(page)
    landed = browser.ask("""
      [...document.querySelectorAll("nav a")].map(link => {
        link.click();
        const found = document.querySelector(":target"), {top} = found.getBoundingClientRect();
        const name = found.innerText.split("\\t")[0].trim();
        return [link.textContent, name, top > -1 && top < innerHeight];
      })
    """)
    assert [one for one in landed if one[0] != one[1] or not one[2]] == []
    variants = ["base", "better", ODD, "wild", "gone", "broken"]
    assert [link for link, *_ in landed][-14:] == ["easy", *variants, "größer.x+1", *variants]
    browser.open(page, f"#variant-größer.x+1/{ODD}")  # from elsewhere
    row = "document.querySelector(':target')"
    assert browser.ask(f"{row}.cells[0].innerText") == ODD
    assert browser.ask(f"{row}.closest('.wide').previousElementSibling.textContent") == "größer.x+1"


def test_a_reader_who_does_not_see_figures_hears_what_they_show(browser, page):
    browser.open(page)
    tree = browser.call("Accessibility.getFullAXTree")["nodes"]
    images = [one["name"]["value"] for one in tree if one["role"]["value"] == "image"]
    assert len(images) == browser.ask("document.querySelectorAll('figure').length") == 12
    assert [one for one in images if not re.search(r": base.*\d|: better.*\d", one)] == []


def test_paper_gets_black_on_white_whole_figures_and_all_curves(browser, page):
    """For a reader of dark pages who has switched a curve off."""
    browser.look(WIDE, dark=True)
    browser.open(page)
    browser.ask("document.getElementById('show-1').click()")
    browser.look(718, dark=True, media="print")  # 190 mm, what A4 leaves
    assert browser.ask(CURVES % 1) == [4, 4]
    seen = "[...document.querySelectorAll('nav, input')].filter(one => one.getClientRects().length)"
    assert browser.ask(f"{seen}.length") == 0
    style = (
        "(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.body))"
    )
    assert browser.ask(style) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    assert browser.ask(FAINT) == []
    assert browser.ask("document.documentElement.scrollWidth") == 718
    cut = ".filter(one => one.scrollWidth > one.clientWidth).length"
    assert browser.ask(f"[...document.querySelectorAll('pre, .wide')]{cut}") == 0
    figures = "[...document.querySelectorAll('figure')]"
    assert browser.ask(f"{figures}.every(one => getComputedStyle(one).breakInside === 'avoid')")
    assert browser.ask(f"Math.max(...{figures}.map(one => one.offsetHeight))") < 1000  # of 1047
