"""The summary of a run and the figures in it."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from impasto.launch.summary import git_commit, write_summary


def test_summary_is_flat_and_leaves_out_what_does_not_apply(tmp_path: Path) -> None:
    values = {"l2": torch.tensor(0.5), "psnr": np.float64(2.0), "ssim": float("nan"), "none": None}
    write_summary(tmp_path, {**values, "folder": tmp_path, "inf": float("inf"), "updates": 3})
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary == {"l2": 0.5, "psnr": 2.0, "folder": str(tmp_path), "updates": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_a_summary_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    write_summary(tmp_path, {"updates": 1})
    with pytest.raises(TypeError):
        write_summary(tmp_path, {"updates": object()})
    assert json.loads((tmp_path / "summary.json").read_text()) == {"updates": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_git_commit(tmp_path: Path) -> None:
    assert git_commit(tmp_path) is None

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "file").write_text("a")
    git("add", "file")
    git("commit", "-q", "-m", "first")
    commit = git("rev-parse", "HEAD")
    assert git_commit(tmp_path) == commit
    (tmp_path / "file").write_text("b")
    assert git_commit(tmp_path) == commit + "+"
