"""The pen of a GPU where there is none: what it draws, interpreted, and that it compiles."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, environment

triton = pytest.importorskip("triton", reason="Triton comes with torch's CUDA wheels only")

SLOW = pytest.mark.slow
# Of tiles of so many pixels on a side, for GPUs of these capabilities.
COMPILE = """
import re, subprocess, sys, tempfile
from triton.backends.compiler import GPUTarget
from triton.backends.nvidia.compiler import get_ptxas
from triton.compiler import ASTSource, compile
from impasto.strokes.raster import pen_triton, pen_triton_loops

TYPES = {"counts": "*i64", "owner": "*i64", "touched": "*i1", "around": "fp32"}
INTEGERS = {"height", "width", "most", "across", "tiles"}
side, *gpus = map(int, sys.argv[1:])
grid = pen_triton._Grid(side, side, 1, 1)
for name in ("draw", "differentiate", "touch"):
    kernel = getattr(pen_triton_loops, name)
    every = {"rows": side, "columns": side, "alone": False}
    constants = {name: value for name, value in every.items() if name in kernel.arg_names}
    signature = {
        name: TYPES.get(name, "i32" if name in INTEGERS else "*fp32") for name in kernel.arg_names
    } | dict.fromkeys(constants, "constexpr")
    aligned = {  # as torch's memory is, and canvases of whole tiles are
        (place,): [["tt.divisibility", 16]]
        for place, name in enumerate(kernel.arg_names)
        if signature[name].startswith("*") or name in ("height", "width")
    }
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=aligned)
    for gpu in gpus:
        options = {"num_warps": 1 if name == "touch" else grid.warps, **pen_triton.OPTIONS}
        ptx = compile(source, target=GPUTarget("cuda", gpu, 32), options=options).asm["ptx"]
        with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
            file.write(ptx)
            file.flush()
            target = re.search(r"\\.target (\\w+)", ptx)[1]
            asked = [get_ptxas(gpu).path, "-v", "-arch", target, file.name, "-o", "/dev/null"]
            said = subprocess.run(asked, capture_output=True, text=True).stderr
        registers = int(re.search(r"Used (\\d+) registers", said)[1])
        vectors = len(re.findall(r"(?:ld|st)\\.global\\S*\\.v[24]", ptx))
        found = (name, gpu, registers, vectors, said)
        assert registers <= 128, found
        assert set(re.findall(r"(\\d+) bytes spill", said)) == {"0"}, found
        assert (vectors > 0) == (name != "touch" and side > 1), found
        assert "fma.rn" not in ptx, found
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


@pytest.mark.parametrize(
    "words",
    [["32", "90"], *(pytest.param([n, "80", "90"], marks=SLOW) for n in ("32", "16", "8", "1"))],
)
def test_it_compiles_for_gpus_within_their_registers(tmp_path: Path, words: list[str]) -> None:
    """Triton compiles for a GPU that is not there, with an assembler of its own.

    A tile's pixels are read and written several at a time, nothing is spilled, and no product is
    fused with a sum.
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COMPILE, *words],
        cwd=ROOT,
        env=environment(PYTHONPATH=str(ROOT), TRITON_CACHE_DIR=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
