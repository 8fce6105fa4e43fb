"""The watch on the process's memory."""

import subprocess
import sys
from pathlib import Path

# In a process of its own: in this one, what earlier tests left behind may be freed at any moment.
_MEMORY = """
import sys
import numpy as np
from impasto.runtime.memory import MemoryPeak

size = 64_000_000
mapped = np.memmap(sys.argv[1], np.uint8, "w+", shape=size)
with MemoryPeak(seconds=0.01) as memory:
    before = memory.megabytes
    mapped[:] = 1
    with_mapped = memory.megabytes
    block = np.ones(size, np.uint8)
    with_block = memory.megabytes
    del block
print(before, with_mapped, with_block, memory.megabytes)
"""


def test_memory_peak_sees_what_was_freed_and_no_mapped_files(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _MEMORY, str(tmp_path / "mapped")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    before, with_mapped, with_block, after = map(float, done.stdout.split())
    assert with_mapped - before < 32
    assert with_block - with_mapped > 64 * 0.9
    assert after >= with_block
