"""The page, from a real photograph to its SVG, in a real browser."""

import base64
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from skimage.data import coffee

from impasto.io.record import read_record
from impasto.rendering import draw_picture
from tests.conftest import command_line, environment
from tests.impasto.tasks.serve.pictures import hollow_png

STROKES = 9
MOST_KEPT = 4_000_000
OVERRIDES = (
    "task=serve",
    "trainer=cpu",
    f"strokes={STROKES}",
    "painter.steps=6",
    "painter.moves=0",
    "most_megabytes=1",
    "most_megapixels=0.5",
    f"most_megabytes_kept={MOST_KEPT / 1e6}",
    "hydra.run.dir=out",
)


@dataclass(frozen=True)
class Server:
    """A page that is open, and where it runs."""

    process: "subprocess.Popen[str]"
    address: str
    folder: Path

    def files(self) -> list[Path]:
        """What lies in the temporary folder."""
        return [path for path in (self.folder / "tmp").rglob("*") if path.is_file()]

    def end(self) -> int:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("serve")
    (folder / "tmp").mkdir()
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command_line(*OVERRIDES),
            cwd=folder,
            stdout=log,
            stderr=log,
            text=True,
            env=environment(TMPDIR=str(folder / "tmp")),
        )
    signal.signal(signal.SIGINT, before)
    try:
        deadline = time.monotonic() + 120
        while not (found := re.search(r"open at (\S+);", (folder / "log").read_text())):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield Server(process, found[1], folder)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(30_000)
    errors: list[str] = []
    outside: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: outside.append(request.url))
    page.goto(server.address)
    page.wait_for_selector("#paint")
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
    page.set_input_files("#photo input[type=file]", path)


def wait_for_status(page: Any, text: str) -> None:
    page.wait_for_function(
        "text => document.querySelector('#status').innerText.includes(text)", arg=text
    )


def shown(page: Any) -> np.ndarray:
    """The picture on the page, (H, W, 3)."""
    data = page.evaluate(
        """async () => {
            let image = null;
            for (let tries = 0; tries < 100; tries++) {  // another may take its place meanwhile
                image = document.querySelector('#canvas img');
                if (await image.decode().then(() => true, () => false)) break;
                await new Promise(later => setTimeout(later, 50));
            }
            const canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            const context = canvas.getContext('2d');
            context.drawImage(image, 0, 0);
            return canvas.toDataURL();
        }"""
    )
    with Image.open(BytesIO(base64.b64decode(data.split(",")[1]))) as image:
        return np.asarray(image.convert("RGB"))


def download(page: Any, name: str) -> Path:
    with page.expect_download() as waiting:
        page.click(f"#export-{name}")
    return Path(waiting.value.path())


def test_from_a_photograph_to_its_strokes(page: Any, server: Server, photos: Path) -> None:
    drop(page, photos / "coffee.jpg")
    wait_for_status(page, "150 × 100 pixels")
    page.click("#paint")
    wait_for_status(page, f"Painted: {STROKES} strokes")
    number = "#at input[type=number]"
    page.wait_for_function(  # it plays
        f"document.querySelector('{number}').value === '{STROKES}'", polling=50
    )
    svg = download(page, "svg").read_text()
    assert svg.startswith("<svg")
    assert 'width="150" height="100"' in svg
    strokes = [line for line in svg.splitlines() if line.startswith(("<path", "<g", "<rect"))]
    assert len(strokes) >= STROKES
    record = read_record(download(page, "json"))
    assert (len(record.strokes), record.width, record.height) == (STROKES, 150, 100)
    page.fill(number, "4")
    page.keyboard.press("Tab")
    four = draw_picture(record.stroke, record.strokes[:4], 427, 640, record.background)
    deadline = time.monotonic() + 20
    while (found := shown(page)).shape != four.shape or np.abs(found - four.astype(int)).max() > 1:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert any(path.name == "coffee.jpg" for path in server.files())  # nowhere else
    page.fill(number, "74")  # more than there are
    page.keyboard.press("Tab")
    page.click("#export-gcode")
    wait_for_status(page, "not opaque")


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
    page.get_by_text("exceed the maximum").first.wait_for()
    assert "Traceback" not in page.content()


def answer(server: Server, method: str, path: str, body: str = "", **headers: str) -> HTTPResponse:
    """To a request with these headers and no others."""
    connection = HTTPConnection(urlsplit(server.address).netloc, timeout=30)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        connection.putheader(name, value)
    connection.endheaders(body.encode())
    return connection.getresponse()


def test_another_name_for_this_machine_gets_nothing(server: Server) -> None:
    config = answer(server, "GET", "/config", Host="localhost")
    assert config.status == 200
    html = answer(server, "GET", "/", Host="127.0.0.1").read().decode()
    asset = re.findall(r"assets/[\w.-]+\.js", html)[0]
    assert answer(server, "GET", f"/{asset}", Host="[::1]:7860").status == 200
    paths = [
        "/",
        "/config",
        f"/{asset}",
        "/theme.css",
        "/gradio_api/info",
        "/gradio_api/upload",
        "/gradio_api/queue/join",
        "/gradio_api/queue/data?session_hash=a",
        "/nothing",
        "/gradio_api/heartbeat/a",
        f"/gradio_api/file={server.folder}",
    ]
    for path in paths:
        for method in ("GET", "POST", "OPTIONS", "HEAD"):
            for headers in (
                {"Host": "evil.example"},
                {"Host": "evil.example", "Origin": "http://evil.example"},
                {"Host": "localhost", "Origin": "http://evil.example"},
                {"Host": "localhost", "Origin": "null"},
            ):
                headers["Access-Control-Request-Method"] = "POST"  # a preflight, where it is one
                found = answer(server, method, path, **headers)
                assert found.status == 403, (path, method, headers)
                assert "access-control-allow-credentials" not in found.headers


def test_files_are_taken_up_to_a_size(server: Server) -> None:
    host = {"Host": "localhost", "Content-Type": "multipart/form-data; boundary=x"}
    much = {**host, "Content-Length": "2000001"}  # refused before anything is sent
    assert answer(server, "POST", "/gradio_api/upload", "", **much).status == 413
    head = '--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
    body = f"{head}{'a' * 900_000}\r\n--x--\r\n"
    for number in range(6):  # of which four have room, or three and one that is coming in
        sent = body.replace("aaa", f"{number}aa")
        assert answer(server, "POST", "/gradio_api/upload", sent, **host).status == 200
    sizes = [path.stat().st_size for path in server.files()]
    assert sum(sizes) <= MOST_KEPT
    assert len([size for size in sizes if size >= 900_000]) in (3, 4)


def test_ctrl_c_ends_it_and_leaves_nothing(server: Server) -> None:
    assert server.files()
    assert server.end() == 130
    log = (server.folder / "log").read_text()
    assert log.endswith("interrupted\n")
    assert "Traceback" not in log
    assert server.files() == []
    summary = json.loads((server.folder / "out" / "summary.json").read_text())
    assert (summary["task"], summary["status"]) == ("serve", "interrupted")
    assert {path.name for path in server.folder.iterdir()} == {"tmp", "log", "out"}
