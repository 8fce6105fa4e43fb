"""One page of what runs left behind: ``task=gallery``."""

import html
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from impasto.errors import UserError
from impasto.persistence.atomic import atomic_write
from impasto.tasks.runs.markup import data_uri, html_table, page
from impasto.tasks.runs.run_folder import SUMMARY, load_summary

# Pictures from inside the project's own runs are small; anything larger is left in its folder.
_LARGEST_BYTES = 3_000_000
_METRICS = (
    "experiment",
    "status",
    "tags",
    "updates",
    "strokes",
    "l2",
    "l2_renderer",
    "psnr",
    "ssim",
    "readable",
    "in_order",
    "strokes_in_order",
    "renderer_mse",
    "mean_image_mse",
    "noise_mse",
    "renderer_ssim",
    "spectral_distance",
    "class",
    "probability",
    "probability_renderer",
    "images",
    "seconds",
)


def gallery(runs: str | Sequence[str], folder: Path) -> dict[str, Any]:
    """Put the pictures and figures of runs on one self-contained page, and print the figures.

    Args:
        runs: A run folder, or several, in order.
        folder: Where ``index.html`` goes.

    Returns:
        How many runs are on it.

    Raises:
        UserError: A folder holds no run.
    """
    runs = [runs] if isinstance(runs, str) else runs
    sections = [_section(Path(run)) for run in runs]
    path = folder / "index.html"
    with atomic_write(path) as temporary:
        temporary.write_text(page("Impasto", "\n".join(sections)), encoding="utf-8")
    print(f"page: {path}")
    return {"runs": len(sections)}


def _section(run: Path) -> str:
    """One run: its figures, then its pictures."""
    summary = load_summary(run)
    if not summary:
        raise UserError(f"runs: {run} holds no {SUMMARY}", "give folders of finished runs")
    metrics = {name: _short(summary[name]) for name in _METRICS if name in summary}
    title = f"{summary.get('task', 'run')} in {run}"
    print(f"{title}: " + ", ".join(f"{name} {value}" for name, value in metrics.items()))
    table = html_table(pd.DataFrame(metrics.items()).map(html.escape), header=False)
    matches = (run.glob(pattern) for pattern in ("*.png", "*/painting.*", "*/transfer.png"))
    pictures = sorted(itertools.chain(*matches))
    shown = "".join(_figure(run, path) for path in pictures if path.suffix in (".png", ".gif"))
    return f"<h2>{html.escape(title)}</h2>{table}{shown}"


def _figure(run: Path, path: Path) -> str:
    name = html.escape(str(path.relative_to(run)))
    try:
        image = f'<img alt="{name}" src="{data_uri(path, _LARGEST_BYTES)}">'
    except OSError as error:
        return f"<p>{name} is left out ({error.strerror}); it lies in the run folder.</p>"
    return f"<figure>{image}<figcaption>{name}</figcaption></figure>"


def _short(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
