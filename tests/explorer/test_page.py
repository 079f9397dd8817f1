"""The explorer in a real browser: it loads nothing, and what a reader does changes what is drawn."""

import io
import re
from collections.abc import Callable

import numpy as np
import pytest
import vl_convert
from PIL import Image

from infoplane.explorer import page

from .conftest import HOSTILE


def test_equal_tables_give_equal_bytes(tables, html, monkeypatch):
    # The library, which takes seconds to bundle, stands in for itself.
    library = re.search(r"<script>\n(?!\"use strict\")(.*?)\n</script>", html, flags=re.DOTALL)[1]
    assert len(library) > 500_000
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda *_: library)
    runs = [rows for _, rows in tables["information"].groupby("run", sort=False)]
    assert page("a study", runs, tables["training"], {"infoplane": "1.2.3", "torch": "4.5.6"}) == html


def test_the_page_forbids_itself_to_load_anything_and_names_do_not_end_its_data(html):
    assert "content=\"default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval';" in html
    assert HOSTILE not in html
    assert html.count("</script>") == 3


class Reader:
    """Someone who looks at the page: what they see and do."""

    def __init__(self, tab) -> None:
        self.tab = tab

    def now(self, layer: int) -> tuple[float, float] | None:
        """I(T;X) and I(T;Y) in bits of the marker of a layer, as the page tells those who do not see it."""
        markers = self.tab.locator(f"#plane .now_{layer}_marks path")
        if markers.count() == 0:
            return None
        text = markers.first.get_attribute("aria-label")
        x, y = (re.search(rf"I\(T;{name}\): (-?[\d.]+) bits", text) for name in "XY")
        return float(x[1]), float(y[1])

    def place(self, layer: int) -> str:
        return self.tab.locator(f"#plane .now_{layer}_marks path").first.get_attribute("transform")

    def epoch(self) -> int:
        return int(re.search(r"\d+$", self.tab.locator("#now").inner_text())[0])

    def sees(self, what: Callable[[], object], value: object) -> bool:
        """Whether `what` becomes `value` soon: drawing takes a moment."""
        return any(what() == value or self.tab.wait_for_timeout(20) for _ in range(250))

    def wait_for(self, expression: str) -> None:
        self.tab.wait_for_function(expression, timeout=10_000)


@pytest.fixture
def reader(chromium, path):
    """The page, opened from disk; afterwards there must have been no message and no request for anything else."""
    readers, problems = [], []

    def open_page(fragment: str = "") -> Reader:
        tab = chromium.new_page(viewport={"width": 1400, "height": 900})
        tab.on("console", lambda message: problems.append(message.text))
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on("dialog", lambda dialog: problems.append(dialog.message))
        tab.on("request", lambda request: request.url.split("#")[0] != path.as_uri() and problems.append(request.url))
        tab.goto(f"{path.as_uri()}{fragment}")
        tab.wait_for_selector("body[data-ready]", timeout=20_000)
        readers.append(tab)
        return Reader(tab)

    yield open_page
    for tab in readers:
        tab.close()
    assert problems == []


def expected(tables, layer: int, epoch: int, condition: str = "run == 'tanh' and estimator == 'ebab'"):
    rows = tables["information"].query(condition).query("layer == @layer and epoch == @epoch")
    return pytest.approx((rows["i_tx"].mean(), rows["i_ty"].mean()), abs=1.1e-3)


def test_the_slider_moves_the_points(reader, tables):
    view = reader()
    assert view.epoch() == 1000
    assert view.now(4) == expected(tables, 4, 1000)
    before = view.place(4)
    view.tab.locator("#epoch").fill("0")
    assert view.sees(lambda: view.now(4), expected(tables, 4, 0))
    assert view.epoch() == 0
    assert view.place(4) != before
    # The charts over epochs go along, and a click on one of them goes to another epoch.
    assert "epoch: 0;" in view.tab.locator("#i_tx .now_marks path").nth(3).get_attribute("aria-label")
    view.tab.locator("#i_ty .hover_marks path").nth(6).click(force=True)
    epochs = sorted(tables["information"]["epoch"].unique())
    assert view.sees(lambda: view.now(4), expected(tables, 4, epochs[6]))
    assert view.epoch() == epochs[6]


def test_play_goes_through_the_epochs_and_stops_at_the_last(reader, tables):
    view = reader()
    view.tab.evaluate("""
        window.seen = [];
        new MutationObserver(() => seen.push(Number(document.getElementById("now").lastChild.textContent)))
            .observe(document.getElementById("now"), { childList: true });
    """)
    view.tab.locator("#play").click()
    assert view.tab.locator("#play").inner_text() == "Stop"
    view.wait_for("document.getElementById('play').innerText == 'Play'")
    assert view.tab.evaluate("seen") == sorted(tables["information"]["epoch"].unique())
    assert view.epoch() == 1000
    assert view.now(5) == expected(tables, 5, 1000)


def test_choices_change_what_is_drawn(reader, tables):
    view = reader("#epoch=200")
    epochs = np.unique(tables["information"]["epoch"])
    epoch = int(epochs[np.abs(epochs - 200).argmin()])
    assert view.epoch() == epoch
    for choice, value, condition in (
        ("series", "kde, lower", "run == 'tanh' and estimator == 'kde' and bound == 'lower'"),
        ("seed", "2", "run == 'tanh' and estimator == 'kde' and bound == 'lower' and seed == 2"),
        ("run", "relu", "run == 'relu' and estimator == 'kde' and bound == 'lower' and seed == 2"),
        ("seed", "mean", "run == 'relu' and estimator == 'kde' and bound == 'lower' and seed != 1"),
        ("series", "ebab, none", "run == 'relu' and estimator == 'ebab' and seed != 1"),
    ):
        view.tab.locator(f"#{choice}").select_option(value)
        assert view.sees(lambda: view.now(3), expected(tables, 3, epoch, condition)), (choice, value)
    assert view.epoch() == epoch
    assert view.tab.locator("#plane").inner_text().endswith("ReLU · EBAB")
    hollow = view.tab.locator("#plane .seeds_marks path")
    assert hollow.count() == 3 * 6
    # Not even before its divergence is a seed shown that is not in the mean.
    view.tab.locator("#epoch").fill("0")
    assert view.sees(lambda: view.now(3), expected(tables, 3, 0, "run == 'relu' and estimator == 'ebab' and seed != 1"))
    assert hollow.count() == 3 * 6
    # Highlighting a layer dims the others.
    view.tab.locator("label:has(#layer3)").click()

    def opacities() -> list[str | None]:
        return [view.tab.locator(f"#plane .now_{n}_marks path").first.get_attribute("opacity") for n in (2, 3)]

    assert view.sees(opacities, ["0.12", "1"])


def test_what_diverged_is_said_and_not_drawn(reader):
    view = reader("#run=relu&seed=1&epoch=1000")
    status = view.tab.locator("#status")
    assert "seed 1, which diverged at epoch 30. Diverged and left out of the mean: seed 1 at epoch 30." in (
        status.inner_text()
    )
    assert view.now(2) is None
    view.tab.locator("#epoch").fill("0")
    assert view.sees(lambda: view.now(2) is not None, True)
    view.tab.locator("#run").select_option("elu")
    view.tab.locator("#seed").select_option("mean")
    view.wait_for("document.getElementById('status').innerText.includes('all 4 seeds diverged, so there is no mean')")
    assert view.sees(lambda: view.now(2), None)
    view.tab.locator("#run").select_option("tanh")
    view.wait_for("document.getElementById('status').innerText.includes('mean of 4 seeds')")
    assert "left out of the mean: none" in status.inner_text()
    assert view.sees(lambda: view.now(2) is not None, True)


def test_keyboard_alone_is_enough(reader):
    view = reader()
    keyboard = view.tab.keyboard
    keyboard.press("ArrowLeft")
    keyboard.press("ArrowLeft")
    second_last = view.epoch()
    assert second_last < 1000
    keyboard.press("Home")
    assert view.epoch() == 0
    reached = []
    for _ in range(6):
        keyboard.press("Tab")
        focused = view.tab.evaluate("""
            (() => {
              const at = document.activeElement, framed = at.type === "radio" ? at.parentElement : at;
              return [at.id, getComputedStyle(framed).outlineStyle, getComputedStyle(framed).outlineWidth];
            })()
        """)
        assert focused[1:] == ["solid", "3px"], focused
        reached.append(focused[0])
    assert reached == ["run", "series", "seed", "layer0", "play", "epoch"]
    keyboard.press("ArrowRight")
    keyboard.press("ArrowRight")
    epoch = view.epoch()
    assert 0 < epoch < 10
    keyboard.press("Space")  # on the slider it plays, as everywhere
    view.wait_for(f"Number(document.getElementById('now').lastChild.textContent) > {epoch}")
    keyboard.press("Space")
    stopped = view.epoch()
    view.tab.wait_for_timeout(400)
    assert view.epoch() == stopped < 1000
    # On a choice the keys are the choice's own.
    view.tab.locator("#seed").focus()
    keyboard.press("ArrowDown")
    assert view.tab.locator("#seed").input_value() == "0"
    assert view.epoch() == stopped


def test_values_show_under_the_pointer_with_units(reader):
    view = reader()
    view.tab.locator("#plane .now_4_marks path").first.hover(force=True)
    text = view.tab.locator("#vg-tooltip-element").inner_text()
    assert re.search(r"I\(T;X\)\s+\d+\.\d{3} bits \(95 % interval \d+\.\d{3} to \d+\.\d{3}\)", text)
    assert re.search(r"Epoch\s+1000", text)
    view.tab.locator("#accuracy .now_marks path").first.hover(force=True)
    assert re.search(r"\d+\.\d{2} % \(95 % interval", view.tab.locator("#vg-tooltip-element").inner_text())


def test_names_stay_names(reader):
    view = reader()
    options = view.tab.locator("#run option")
    assert options.nth(3).get_attribute("value") == HOSTILE
    assert options.nth(3).inner_text() == HOSTILE
    view.tab.locator("#run").select_option(HOSTILE)
    view.wait_for("document.getElementById('status').innerText.includes('onerror')")
    assert view.sees(lambda: view.now(1) is not None, True)
    assert view.tab.title() == "a study: the information plane"
    assert view.tab.locator("img").count() == 0
    assert view.sees(lambda: view.tab.evaluate("location.hash").startswith("#run=%3C%2Fscript%3E"), True)


@pytest.mark.parametrize("width", [1400, 390])
def test_the_picture_is_not_blank_and_fits(reader, width):
    view = reader()
    view.tab.set_viewport_size({"width": width, "height": 900})
    view.tab.wait_for_timeout(400)
    assert view.tab.evaluate("document.documentElement.scrollWidth") <= width
    for chart in ("plane", "i_tx", "i_ty", "accuracy"):
        box = view.tab.locator(f"#{chart} svg").bounding_box()
        assert box["width"] > 200
        assert box["x"] + box["width"] <= width
        picture = Image.open(io.BytesIO(view.tab.locator(f"#{chart}").screenshot()))
        colours = picture.convert("RGB").getcolors(picture.width * picture.height)
        assert len(colours) > 100, chart
