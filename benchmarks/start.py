"""How long `python run.py task=paint` takes from its start to the first stroke on the canvas."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

_ROOT = Path(__file__).resolve().parent.parent
_PAINTED = b"psnr="  # the progress bar says how near the painting is once there is one
_SIZE = 128


def seconds_to_first_stroke(
    arguments: Sequence[str] = (), root: Path = _ROOT, kernels: Path | None = None
) -> float:
    """Start a painting of one stroke in a process of its own, and wait for that stroke.

    Args:
        arguments: Further ones of run.py.
        root: The checkout.
        kernels: Where compiled kernels are kept; where they always are by default. An empty folder
            shows what the very first run costs.

    Returns:
        Seconds of wall-clock time.

    Raises:
        RuntimeError: The process ended without a stroke.
    """
    env = dict(os.environ)
    if kernels is not None:
        env["NUMBA_CACHE_DIR"] = str(kernels)
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        Image.radial_gradient("L").resize((_SIZE, _SIZE)).convert("RGB").save(picture)
        command = [
            sys.executable, "run.py", "task=paint", f"image={picture}", "strokes=1",
            f"canvas.size={_SIZE}", f"hydra.run.dir={folder}/run", *arguments,
        ]  # fmt: skip
        started = time.perf_counter()
        pipes: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, cwd=root, env=env, **pipes) as run:
            said = b""
            while _PAINTED not in said and (news := os.read(run.stderr.fileno(), 4096)):
                said += news
            seconds = time.perf_counter() - started
            run.kill()
    if _PAINTED not in said:
        raise RuntimeError(said.decode(errors="replace"))
    return seconds
