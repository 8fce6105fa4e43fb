"""Two processes in turn: while one measures, the other waits."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import TracebackType

from benchmarks.machine import once
from impasto.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 30.0  # seconds


class PeerFailed(Exception):
    """The peer could not do a piece of work; the message says why, in one line."""


@dataclass(frozen=True)
class Comparison:
    """Interleaved repeats of the same work, ours and the peer's.

    Attributes:
        ours: Seconds of a unit of work, in the order of measuring.
        theirs: The peer's, each measured right after ours.
    """

    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """Speed as a multiple of the peer's, pair by pair."""
        return [b / a for a, b in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return median(self.ratios)

    def plus(self, other: "Comparison", share: float) -> "Comparison":
        """Add a share of another comparison's work to this one's."""
        ours = [a + share * b for a, b in zip(self.ours, other.ours, strict=False)]
        theirs = [a + share * b for a, b in zip(self.theirs, other.theirs, strict=False)]
        return Comparison(ours, theirs)


class Peer:
    """The peer's process, as long as the context is open.

    Args:
        folder: Its checkout.
        batch: Canvases and transitions.
        steps: Of an episode.

    Raises:
        UserError: The folder is no such checkout.
    """

    def __init__(self, folder: Path, batch: int, steps: int) -> None:
        if not (folder / "baseline" / "DRL" / "ddpg.py").is_file():
            todo = "give PEER= a checkout of github.com/hzwer/ICCV2019-LearningToPaint"
            raise UserError(f"{folder} has no baseline/DRL/ddpg.py", todo)
        self._command = [
            sys.executable,
            "-m",
            "benchmarks.peer.worker",
            str(folder.resolve()),
            str(batch),
            str(steps),
        ]

    def __enter__(self) -> "Peer":
        """Start the peer's process; what it prints is not shown."""
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close its input, upon which it exits; kill it if it does not."""
        try:
            self._process.communicate(timeout=_PATIENCE)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.communicate()

    def once(self, piece: str) -> float:
        """Seconds of one piece of work, measured by the peer's process.

        Raises:
            PeerFailed: It could not, or it died.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{piece}\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        except (OSError, ValueError) as error:
            raise PeerFailed("its process died") from error
        if "error" in answer:
            raise PeerFailed(answer["error"])
        return float(answer["seconds"])


def compare(
    peer: Peer, piece: str, ours: Callable[[], object], count: int, theirs: int, repeats: int
) -> Comparison:
    """Ours, the peer's, ours, the peer's, …, after one of each to warm up.

    Args:
        peer: Its process.
        piece: What it does.
        ours: The same work here.
        count: Units of work in one call of ours.
        theirs: Units of work in one piece of the peer's.
        repeats: Pairs.

    Raises:
        PeerFailed: See `Peer.once`.
    """
    pairs = [(once(ours) / count, peer.once(piece) / theirs) for _ in range(repeats + 1)]
    first, second = zip(*pairs[1:], strict=True)
    return Comparison(first, second)
