"""Pictures of the page in use, and a film, as docs/page.md shows them: `make page-pictures`.

The page is opened by `python run.py task=serve`; ADDRESS is what it says.
"""

import argparse
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import expect

from tests.browser import open_browser

_DESKTOP, _PHONE, _FILM = (1280, 940), (390, 844), (1100, 760)
_WIDTH = 720  # pixels of the film
_COLORS = 96
_MINUTES = 20 * 60_000  # ms that a painting may take


class Film:
    """Film of a page, a frame at a time.

    Args:
        page: The page.

    Attributes:
        frames: Its frames.
        times: How long each stands, in milliseconds.
    """

    def __init__(self, page: Any) -> None:
        self._page = page
        self.frames: list[Image.Image] = []
        self.times: list[int] = []

    def frame(self, seconds: float) -> None:
        """Take a frame that stands for so long."""
        with Image.open(BytesIO(self._page.screenshot())) as image:
            height = round(image.height * _WIDTH / image.width)
            self.frames.append(image.convert("RGB").resize((_WIDTH, height), Image.LANCZOS))
        self.times.append(round(1000 * seconds))

    def save(self, path: Path, growing: slice, most: int) -> None:
        """Write the film; of the frames of a painting that grows, at most so many."""
        grown = range(len(self.frames))[growing]
        every = max(1, len(grown) // most)
        kept = [i for i in range(len(self.frames)) if i not in grown or i % every == 0]
        last = self.frames[-1].quantize(_COLORS)
        frames = [self.frames[i].quantize(palette=last, dither=Image.Dither.NONE) for i in kept]
        times = [self.times[i] for i in kept]
        first, *rest = frames
        first.save(path, save_all=True, append_images=rest, duration=times, loop=0)


def _film(browser: Any, address: str, out: Path) -> None:
    page = _opened(browser, address, _FILM)
    film = Film(page)
    film.frame(1.5)
    page.hover("#example-coffee")
    film.frame(0.5)
    page.click("#example-coffee")
    expect(page.locator("#stop")).to_be_enabled(timeout=_MINUTES)
    begun = len(film.times)
    while page.is_disabled("#paint"):
        film.frame(0.2)
    grown = slice(begun, len(film.frames))
    film.frame(1.0)
    strokes = int(page.get_attribute("#at", "max"))
    for share in range(0, 16):
        page.fill("#at", str(round(strokes * (share / 15) ** 2)))
        page.wait_for_timeout(500)
        film.frame(0.12)
    for cut in (*range(0, 101, 10), *range(90, -1, -10)):
        page.fill("#cut", str(cut))
        film.frame(0.08)
    film.frame(2.0)
    film.save(out / "page.gif", grown, 16)
    page.close()


def _pictures(browser: Any, address: str, out: Path) -> None:
    page = _opened(browser, address, _DESKTOP)
    page.check("input[name=styles][value=oil]", force=True)
    page.click("#example-chelsea")
    _wait(page)
    expect(page.locator("#qualities")).to_contain_text(", ", timeout=_MINUTES)
    page.fill("#cut", "50")
    page.screenshot(path=out / "page.png")
    page.close()
    page = _opened(browser, address, _PHONE, "light")
    page.screenshot(path=out / "page_phone.png")
    page.close()
    page = _opened(browser, address, _DESKTOP, "dark")
    page.click("#example-astronaut")
    expect(page.locator("#status")).to_contain_text(" left", timeout=_MINUTES)
    page.screenshot(path=out / "page_dark.png")
    page.close()


def _opened(browser: Any, address: str, size: tuple[int, int], scheme: str = "light") -> Any:
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce"
    )
    page.goto(address)
    page.wait_for_selector("#export-png", state="attached")
    page.wait_for_load_state("networkidle")
    page.check("input[name=qualities][value=sketch]", force=True)
    return page


def _wait(page: Any) -> None:
    expect(page.locator("#status")).to_contain_text("Painted", timeout=_MINUTES)


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--only", choices=("film", "pictures"))
    arguments = parser.parse_args()
    with open_browser() as browser:
        if arguments.only != "pictures":
            _film(browser, arguments.address, arguments.out)
        if arguments.only != "film":
            _pictures(browser, arguments.address, arguments.out)


if __name__ == "__main__":
    main()
