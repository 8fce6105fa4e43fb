"""The peer's process: it does one piece of the peer's work when it is told to, and says how long.

``python -m benchmarks.peer.worker FOLDER BATCH STEPS`` reads names of pieces from standard input,
one a line, and answers each with a line of JSON: ``{"seconds": …}`` or ``{"error": …}``. What the
peer itself prints goes to standard error.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from benchmarks.machine import once
from benchmarks.peer.learning_to_paint import PIECES, LearningToPaint


def serve(peer: LearningToPaint, questions: TextIO, answers: TextIO) -> None:
    """Answer until there are no more questions."""
    made: dict[str, Callable[[], object]] = {}
    for question in questions:
        name = question.strip()
        try:
            if name not in made:
                made[name] = PIECES[name](peer)
            answer: dict[str, object] = {"seconds": once(made[name])}
        except ModuleNotFoundError as error:
            answer = {"error": f"the peer needs {error.name}: pip install {_package(error.name)}"}
        except Exception as error:  # whatever someone else's code runs into
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def _package(module: str | None) -> str:
    """Name the package to install for a module."""
    return {"cv2": "opencv-python-headless", "PIL": "pillow"}.get(module or "", module or "it")


def main() -> None:
    """Keep standard output for the answers, and serve."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    folder, batch, steps = sys.argv[1:]
    with LearningToPaint(Path(folder), int(batch), int(steps)) as peer:
        serve(peer, sys.stdin, answers)


if __name__ == "__main__":
    main()
