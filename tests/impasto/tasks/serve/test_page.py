"""The page, from a real photograph to its SVG, in a real browser."""

import base64
import json
import re
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect
from skimage.data import coffee

from impasto.io.record import read_record
from impasto.rendering import draw_picture
from tests.impasto.tasks.serve.conftest import STROKES, Server
from tests.impasto.tasks.serve.pictures import hollow_png


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(30_000)
    errors: list[str] = []
    outside: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: outside.append(request.url))
    page.goto(server.address)
    page.wait_for_selector("#export-png", state="attached")
    yield page
    page.close()
    assert errors == []
    own = (server.address, "data:", "blob:")
    assert [url for url in outside if not url.startswith(own)] == []


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(coffee()[::4, ::4]).save(folder / "coffee.jpg")  # 150 × 100
    (folder / "notes.jpg").write_text("I am a text")
    (folder / "cut.jpg").write_bytes((folder / "coffee.jpg").read_bytes()[:900])
    (folder / "huge.png").write_bytes(hollow_png(1000, 600))
    (folder / "bomb.png").write_bytes(hollow_png(60_000, 60_000))
    (folder / "heavy.png").write_bytes(bytes(1_100_000))
    return folder


def drop(page: Any, path: Path) -> None:
    page.set_input_files("#file", path)


def wait_for_status(page: Any, text: str) -> None:
    expect(page.locator("#status")).to_contain_text(text, timeout=60_000)


def shown(page: Any) -> np.ndarray:
    """The painting on the page, (H, W, 3)."""
    data = page.evaluate(
        """async () => {
            const image = document.querySelector('#picture');
            await image.decode().catch(() => null);  // another may take its place meanwhile
            const canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            canvas.getContext('2d').drawImage(image, 0, 0);
            return canvas.toDataURL();
        }"""
    )
    with Image.open(BytesIO(base64.b64decode(data.split(",")[1]))) as image:
        return np.asarray(image.convert("RGB"))


def download(page: Any, name: str) -> tuple[str, Path]:
    """A file by its name, and where the browser put it."""
    with page.expect_download(timeout=120_000) as waiting:
        page.click(f"#export-{name}")
    return waiting.value.suggested_filename, Path(waiting.value.path())


def check_access(page: Any) -> None:
    """No rule of axe-core is broken seriously."""
    found = Axe().run(page).response["violations"]
    bad = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"]) for one in bad] == []


def slide(page: Any, name: str, value: int) -> None:
    """Move a slider, as its keys would."""
    page.fill(f"#{name}", str(value))


def paint(page: Any, more: int = STROKES) -> None:
    page.click("#paint")
    wait_for_status(page, f"Painted: {more} stroke")


def test_from_a_photograph_to_its_strokes(page: Any, server: Server, photos: Path) -> None:
    check_access(page)
    drop(page, photos / "coffee.jpg")
    wait_for_status(page, "150 × 100 pixels")
    assert page.is_disabled("#export-png")
    check_access(page)
    expect(page.locator("#qualities")).to_contain_text("Best, ", timeout=60_000)
    paint(page)
    expect(page.locator("#count")).to_have_text(f"{STROKES} of {STROKES}")
    check_access(page)
    name, path = download(page, "svg")
    svg = path.read_text()
    assert name == "coffee.svg"
    assert svg.startswith("<svg")
    assert 'width="150" height="100"' in svg
    strokes = [line for line in svg.splitlines() if line.startswith(("<path", "<g", "<rect"))]
    assert len(strokes) >= STROKES
    record = read_record(download(page, "json")[1])
    assert (len(record.strokes), record.width, record.height) == (STROKES, 150, 100)
    slide(page, "at", 4)
    four = draw_picture(record.stroke, record.strokes[:4], 427, 640, record.background)
    deadline = time.monotonic() + 20
    while (found := shown(page)).shape != four.shape or np.abs(found - four.astype(int)).max() > 1:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    slide(page, "cut", 30)
    clip = page.evaluate("getComputedStyle(document.querySelector('#photo')).clipPath")
    assert re.sub(r"calc\((.*)\)", r"\1", clip) in (
        "inset(0px 70% 0px 0px)",
        "inset(0px 100% - 30% 0px 0px)",
    )
    page.click("#export-gcode")
    wait_for_status(page, "not opaque")
    assert server.files() == []  # everything is in memory


NAMES = "coffee.csv coffee.gcode coffee.gif coffee.html coffee.mp4 coffee-pixel.png coffee-plot.svg"
NAMES += " coffee.png coffee-relief.png coffee.svg coffee-strokes.json"


def test_every_file_can_be_had(page: Any, photos: Path) -> None:
    drop(page, photos / "coffee.jpg")
    page.check("#opaque")
    wait_for_status(page, "150 × 100 pixels")
    paint(page)
    page.fill("#size", "75")
    found = {}
    for button in page.query_selector_all("#exports button"):
        name = button.get_attribute("id").removeprefix("export-")
        file, path = download(page, name)
        assert path.stat().st_size > 0, file
        wait_for_status(page, f"{file}: ")
        found[file] = path
    assert sorted(found) == sorted(NAMES.split())
    with Image.open(found["coffee.png"]) as image:
        assert image.size == (75, 50)


def test_examples_paint_at_once_and_stop_stops(page: Any) -> None:
    slide(page, "strokes", 200)
    page.check("input[name=qualities][value=best]")
    page.click("#example-coffee")
    wait_for_status(page, " left")
    check_access(page)
    page.click("#stop")
    wait_for_status(page, "Stopped: ")
    assert page.is_enabled("#export-png")
    expect(page.locator("#qualities")).to_contain_text("Sketch, ", timeout=60_000)
    assert download(page, "png")[0] == "coffee.png"


def test_the_form_is_what_is_painted(page: Any, photos: Path) -> None:
    drop(page, photos / "coffee.jpg")
    wait_for_status(page, "150 × 100 pixels")
    page.check("input[name=styles][value=poster]", force=True)
    assert page.is_checked("#opaque")
    page.check("input[name=kinds][value=circle]", force=True)
    page.select_option("#palette", "3")
    page.fill("#background", "#ff0080")
    page.fill("#seed", "5")
    slide(page, "strokes", 6)
    with page.expect_request(lambda request: request.url.endswith("/paint")) as sent:
        paint(page, 6)
    order = json.loads(sent.value.post_data)
    assert (order["seed"], order["detail"], "mask" in order) == (5, "auto", False)
    record = read_record(download(page, "json")[1])
    assert record.stroke.name == "circle"
    assert (record.strokes[:, record.stroke.parameters.index("opacity")] == 1).all()
    assert record.background == pytest.approx((1, 0, 128 / 255))
    assert len(record.strokes[:, -3:].unique(dim=0)) <= 3
    page.select_option("#painter", "agent (photos)")
    assert page.is_disabled("#opaque")  # it has strokes of its own


def test_a_mask_is_drawn_by_hand(page: Any, photos: Path) -> None:
    drop(page, photos / "coffee.jpg")
    wait_for_status(page, "150 × 100 pixels")
    page.click("#mark")
    check_access(page)
    box = page.locator("#mask").bounding_box()
    left, middle = box["x"] + box["width"] / 4, box["y"] + box["height"] / 2
    page.mouse.move(left, middle)
    page.mouse.down()
    page.mouse.move(left + 20, middle, steps=4)
    page.mouse.up()
    with page.expect_request(lambda request: request.url.endswith("/paint")) as sent:
        paint(page)
    order = json.loads(sent.value.post_data)
    assert order["detail"] == "none"
    with Image.open(BytesIO(base64.b64decode(order["mask"]))) as image:
        mask = np.asarray(image.convert("L"))
    assert mask.shape == (100, 150)
    assert mask[50, 40] == 255
    assert mask[:, 90:].max() == 0


def test_a_picture_is_pasted(page: Any, photos: Path) -> None:
    data = base64.b64encode((photos / "coffee.jpg").read_bytes()).decode()
    page.evaluate(
        """async data => {
            const clipboardData = new DataTransfer();
            const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
            clipboardData.items.add(new File([bytes], 'image.jpg', {type: 'image/jpeg'}));
            dispatchEvent(new ClipboardEvent('paste', {clipboardData}));
        }""",
        data,
    )
    wait_for_status(page, "image.jpg: 150 × 100 pixels")


def test_on_a_phone_the_picture_is_above_the_form(browser: Any, server: Server) -> None:
    for scheme in ("light", "dark"):
        page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme)
        page.goto(server.address)
        page.wait_for_selector("#export-png", state="attached")
        assert page.locator("#drop").bounding_box()["y"] < page.locator("#form").bounding_box()["y"]
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        check_access(page)
        page.close()


BAD = {
    "notes.jpg": "notes.jpg: not a picture",
    "cut.jpg": "cut.jpg: damaged or cut off",
    "huge.png": "huge.png has 1000 × 600 pixels — give a picture of at most 0.5 megapixels",
    "bomb.png": "bomb.png has far too many pixels",
}


def test_what_is_no_picture_gets_a_message(page: Any, photos: Path) -> None:
    for name, said in BAD.items():
        drop(page, photos / name)
        wait_for_status(page, said)
    page.click("#paint")
    wait_for_status(page, "there is no picture")
    drop(page, photos / "heavy.png")
    wait_for_status(page, "heavy.png is larger than 1 MB")


def test_ctrl_c_ends_it_and_leaves_nothing(server: Server) -> None:
    assert server.end() == 130
    log = (server.folder / "log").read_text()
    assert log.endswith("interrupted\n")
    assert "Traceback" not in log
    assert server.files() == []
    summary = json.loads((server.folder / "out" / "summary.json").read_text())
    assert (summary["task"], summary["status"]) == ("serve", "interrupted")
    assert {path.name for path in server.folder.iterdir()} == {"tmp", "log", "out"}
