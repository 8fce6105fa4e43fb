"""What `make install` compiles is all that a painting needs."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ROOT, environment


@pytest.mark.slow
def test_no_painting_compiles_anything_more(tmp_path: Path) -> None:
    def run(*arguments: str) -> set[str]:
        """What is compiled after this program has run."""
        subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment(NUMBA_CACHE_DIR=str(tmp_path / "compiled")),
            capture_output=True,
            timeout=240,
            check=True,
        )
        return {path.name for path in (tmp_path / "compiled").rglob("*.nbc")}

    Image.radial_gradient("L").resize((48, 32)).convert("RGB").save(tmp_path / "picture.png")
    compiled = run("-m", "impasto.runtime.warm_up")
    assert {name.partition("-")[0] for name in compiled} >= {
        "pen_loops.draw",
        "pen_loops.differentiate",
        "pen_loops.touch",
        "tile_loops.differentiate",
        "tile_loops.weigh",
    }
    for painter in ("optimize", "agent"):
        folder = tmp_path / painter
        arguments = [f"image={tmp_path / 'picture.png'}", f"painter={painter}", "strokes=20"]
        arguments += ["agent.weights=photos", f"hydra.run.dir={folder}", "export=[gif,svg]"]
        assert run("run.py", "task=paint", *arguments) == compiled
        assert (folder / "picture" / "painting.gif").is_file()
