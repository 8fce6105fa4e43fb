"""The pen of a GPU where there is none: what it draws, interpreted, and that it compiles."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, environment

triton = pytest.importorskip("triton", reason="Triton comes with torch's CUDA wheels only")

COMPILE = """
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from impasto.strokes.raster import pen_triton_loops

TYPES = {"counts": "*i64", "owner": "*i64", "touched": "*i1", "around": "fp32"}
INTEGERS = {"height", "width", "most", "across", "tiles"}
for name, alone in [("draw", 0), ("differentiate", 0), ("differentiate", 1), ("touch", 0)]:
    kernel = getattr(pen_triton_loops, name)
    every = {"rows": 16, "columns": 16, "alone": bool(alone)}
    constants = {name: value for name, value in every.items() if name in kernel.arg_names}
    signature = {
        name: TYPES.get(name, "i32" if name in INTEGERS else "*fp32") for name in kernel.arg_names
    } | dict.fromkeys(constants, "constexpr")
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
    assert "cubin" in compile(source, target=GPUTarget("cuda", 80, 32)).asm
"""


def test_it_draws_what_the_other_pens_draw() -> None:
    checks = ROOT / "tests/impasto/strokes/interpreted_pen.py"
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(checks)]
    done = subprocess.run(
        run,
        cwd=ROOT,
        env=environment(TRITON_INTERPRET="1", OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.slow
def test_it_compiles_for_a_gpu(tmp_path: Path) -> None:
    """Triton compiles for a GPU that is not there, with an assembler of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COMPILE],
        cwd=ROOT,
        env=environment(PYTHONPATH=str(ROOT), TRITON_CACHE_DIR=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
