"""Memory that a process keeps."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import resource, sys
import torch
from painting.allocator import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()

def pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

torch.ones(10).sum()
print(*(pages() for _ in range(12)))
"""


def pages_touched(how: str) -> list[int]:
    """Pages that the kernel gave for a tensor of 64 MB, and for more of them after it was freed."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], cwd=ROOT, capture_output=True, text=True,
        timeout=120, check=True,
    )  # fmt: skip
    return [int(word) for word in done.stdout.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps its own way")
def test_freed_memory_is_used_again() -> None:
    kept = pages_touched("keep")  # it may take some rounds until a freed block fits with its margin
    assert kept[-1] < kept[0] / 20
    returned = pages_touched("return")
    assert returned[-1] > returned[0] / 2
