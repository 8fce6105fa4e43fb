"""Memory that a process gives back."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = """
import re, sys
import torch
from impasto.runtime.memory import return_large_blocks

if sys.argv[1] == "return":
    assert return_large_blocks()

def megabytes():
    status = open("/proc/self/status").read()
    return int(re.search(r"RssAnon:\\s+(\\d+)", status)[1]) / 1024

large = torch.ones(2**22)  # 16 MiB; once one is freed, glibc thinks the next ones better kept
del large
before = megabytes()
large, small = [], []
for _ in range(10):
    large.append(torch.ones(2**22))
    small.append(torch.ones(2**15))
full = megabytes() - before
del large
print(full, megabytes() - before)
"""


def held(how: str) -> tuple[float, float]:
    """MiB that ten tensors of 16 MiB take, small ones among them, and after the large ones went."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    full, after = map(float, done.stdout.split())
    return full, after


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps its own way")
def test_large_blocks_go_back_when_they_are_freed() -> None:
    full, after = held("return")
    assert full > 155
    assert after < 20
    full, after = held("keep")
    assert full > 155
    assert after > 100
