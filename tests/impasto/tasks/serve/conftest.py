"""A page that is open, for the tests of a module."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import command_line, environment

STROKES = 9
OVERRIDES = (
    "task=serve",
    "trainer=cpu",
    f"strokes={STROKES}",
    "painter.steps=6",
    "painter.moves=0",
    "most_megabytes=1",
    "most_megapixels=0.5",
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
