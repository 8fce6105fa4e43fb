"""The lives of a run: real processes, forked from a warm server or started afresh."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, command_line, environment

_BAR = re.compile(r"\d+%\|.*\||\d+/\d+ \[\d\d:\d\d")  # of progress
_PATIENCE = 180.0  # seconds, on a busy machine, before a life is given up


class Stuck(Exception):
    """A process did not do within its time what it had to."""


@dataclass
class Life:
    """One process of a run.

    Attributes:
        pid: Its number.
        out: The file of its standard output.
        err: The file of its standard error.
        fresh: Whether it is `python run.py`, imports and all, and no fork.
    """

    pid: int
    out: Path
    err: Path
    fresh: bool
    code: int | None = None
    started: float = field(default_factory=time.monotonic)

    def send(self, number: signal.Signals) -> None:
        """Send a signal; to one that has ended, none."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    @property
    def state(self) -> str:
        """The letter that the system gives its state, such as T for stopped; Z if it is gone."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return "Z"

    @property
    def children(self) -> list[int]:
        """The processes that it started, such as those that read data."""
        try:
            path = Path(f"/proc/{self.pid}/task/{self.pid}/children")
            return [int(word) for word in path.read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            return []

    @property
    def said(self) -> str:
        """What it wrote on standard error, progress bars apart."""
        text = self.err.read_text(errors="replace").replace("\r", "\n")
        lines = (line.rstrip() for line in text.splitlines())
        return "\n".join(line for line in lines if line.strip() and not _BAR.search(line))


class Nursery:
    """Starts lives, forked from a process that has loaded torch and Lightning already.

    Args:
        folder: Where what they say goes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._count = 0
        self._pending = b""
        self._lives: dict[int, Life] = {}
        self._fresh: dict[int, subprocess.Popen[bytes]] = {}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.forks"],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._answer(_PATIENCE) == {"ready": True}

    def __enter__(self) -> "Nursery":
        return self

    def __exit__(self, *_: object) -> None:
        for life in self._lives.values():
            life.send(signal.SIGKILL)
        for process in self._fresh.values():
            process.kill()
            process.wait()
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(30)

    def start(
        self,
        argv: Sequence[str],
        fresh: bool = False,
        file_limit: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Life:
        """Start a process of run.py.

        Args:
            argv: Its arguments.
            fresh: Start Python anew.
            file_limit: No file may grow beyond so many bytes; of a forked one.
            env: What is added to the environment.
        """
        self._count += 1
        out, err = (self.folder / f"{self._count:04d}.{name}" for name in ("out", "err"))
        err.touch()
        if fresh:
            with out.open("wb") as stdout, err.open("wb") as stderr:
                process = subprocess.Popen(
                    command_line(*argv),
                    cwd=self.folder,
                    env=environment(**(env or {})),
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                )
            life = Life(process.pid, out, err, fresh=True)
            self._fresh[process.pid] = process
        else:
            request = {
                "argv": list(argv),
                "program": str(ROOT / "run.py"),
                "cwd": str(self.folder),
                "out": str(out),
                "err": str(err),
                "env": dict(env or {}),
                "file_limit": file_limit,
            }
            assert self._server.stdin is not None
            self._server.stdin.write(json.dumps(request).encode() + b"\n")
            self._server.stdin.flush()
            while "code" in (answer := self._answer(_PATIENCE)):
                self._take(answer)
            life = Life(answer["pid"], out, err, fresh=False)
        self._lives[life.pid] = life
        return life

    def look(self, life: Life) -> int | None:
        """The exit code of a life that has ended, minus the signal that killed it."""
        if life.fresh and life.code is None:
            life.code = self._fresh[life.pid].poll()
        while life.code is None and (answer := self._answer(0)) is not None:
            self._take(answer)
        return life.code

    def wait(self, life: Life, seconds: float = _PATIENCE) -> int:
        """Wait for a life to end.

        Raises:
            Stuck: It didn't.
        """
        deadline = time.monotonic() + seconds
        while self.look(life) is None:
            if time.monotonic() > deadline:
                life.send(signal.SIGKILL)
                raise Stuck(f"process {life.pid} did not end within {seconds:.0f} s")
            time.sleep(0.005)
        assert life.code is not None
        return life.code

    def _take(self, answer: dict[str, Any]) -> None:
        life = self._lives.get(answer["pid"])
        if life is not None:
            life.code = answer["code"]

    def _answer(self, seconds: float) -> Any:
        """The server's next line; None if there is none yet."""
        assert self._server.stdout is not None
        descriptor = self._server.stdout.fileno()
        while b"\n" not in self._pending:
            if not select.select([descriptor], [], [], seconds)[0]:
                return None
            got = os.read(descriptor, 65536)
            if not got:
                raise Stuck("the server that forks lives has ended")
            self._pending += got
        line, _, self._pending = self._pending.partition(b"\n")
        return json.loads(line)
