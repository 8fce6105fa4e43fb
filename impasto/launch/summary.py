"""summary.json: what became of a run, as one flat object."""

import json
import math
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from impasto.persistence.atomic import atomic_replace

SUMMARY = "summary.json"


def git_commit(folder: Path) -> str | None:
    """The commit that is checked out in a folder, with `+` after it where files were changed.

    None where the folder is no checkout itself: an installation may lie within another project's.
    """
    if not (folder / ".git").exists():
        return None
    commands = (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
    outputs = []
    for command in commands:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *command],
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
                env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            )
        except (OSError, subprocess.SubprocessError):
            return None
        outputs.append(done.stdout.strip())
    commit, changes = outputs
    return commit + "+" if changes else commit


def write_summary(folder: Path, values: Mapping[str, object]) -> None:
    """Write summary.json atomically; what is None, or no finite number, is left out."""
    plain = {key: _plain(value) for key, value in values.items()}
    plain = {key: value for key, value in plain.items() if value is not None}
    text = json.dumps(plain, indent=2) + "\n"
    with atomic_replace(folder / SUMMARY) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _plain(value: object) -> object:
    """A number as Python's own, rounded to where a summary is read; None if it is not finite."""
    if hasattr(value, "item"):
        value = value.item()  # of a tensor or a NumPy scalar
    if isinstance(value, Path):
        return str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
