"""Pretraining of a neural renderer: ``task=pretrain``."""

import sys
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from impasto.errors import UserError
from impasto.io.figures import save_sheet
from impasto.renderers import save_renderer
from impasto.tasks.fit import TRIED, fit, save_history
from lightning_modules.distributed import goes_on_alone
from lightning_modules.renderers.base import RendererModule

_SAMPLES = 16


def pretrain(
    module: RendererModule,
    trainer: pl.Trainer,
    folder: Path,
    ckpt_path: Path | None = None,
    compiled: bool | str = "auto",
) -> dict[str, Any]:
    """Train a renderer, judge it on fresh strokes, and export it with the verdict.

    Leaves ``renderer/``, ``strokes.png`` (exact strokes above drawn ones) and ``curve.png``.

    Args:
        module: The renderer and how it learns.
        trainer: Runs it.
        folder: The run folder.
        ckpt_path: Where to go on.
        compiled: Whether the renderer is compiled: see `quicken`.

    Returns:
        Metrics for the summary; ``status`` is "untrained" for a renderer above a tenth of the mean
        image's error, or, of a kind that draws with random numbers, above what `Verdict.trained`
        grants it.

    Raises:
        UserError: The run would end before what the renderer learns by last begins.
    """
    begins, key = module.last_phase
    if module.updates <= begins:
        raise UserError(
            f"updates is {module.updates}, and the last phase of learning begins after {begins}",
            f"lower {key}, or give more updates",
        )
    status = fit(module, trainer, ckpt_path=ckpt_path, compiled=compiled)
    if status == TRIED:
        return {"updates": module.update_count, "status": status}
    if not goes_on_alone(trainer):
        return {}
    verdict = module.judge()
    save_renderer(folder / "renderer", module.renderer, verdict)
    _show(module, trainer, folder)
    metrics: dict[str, Any] = {
        "updates": module.update_count,
        "status": status,
        "renderer_mse": verdict.mse,
        "mean_image_mse": verdict.mean_image,
        "renderer_ssim": verdict.ssim,
        "spectral_distance": verdict.spectral,
    }
    error_text = f"error {verdict.mse:.5f}, {verdict.ratio:.3f} of the mean image's"
    if verdict.noise:
        metrics["noise_mse"] = verdict.noise
        error_text += f" (of both, without the {verdict.noise:.5f} that are random numbers)"
    if verdict.trained:
        texture = f"SSIM {verdict.ssim:.3f}, spectral distance {verdict.spectral:.2f}"
        print(f"renderer: {error_text}; {texture}\nexported: {folder / 'renderer'}")
    else:
        red, plain = ("\033[31m", "\033[0m") if sys.stderr.isatty() else ("", "")
        print(
            f"{red}warning: the renderer is NOT TRAINED: {error_text}; it draws no strokes. "
            f"Pretrain it longer.{plain}",
            file=sys.stderr,
        )
        metrics["status"] = "untrained"
    return metrics


def _show(module: RendererModule, trainer: pl.Trainer, folder: Path) -> None:
    """Pictures of what was learned, and how fast."""
    save_sheet(folder / "strokes.png", *module.pictures(None, _SAMPLES), columns=_SAMPLES)
    names = [*module.curves, "val_mse", "mean_image_mse"]
    columns = {name: name for name in names}
    save_history(folder / "curve.png", trainer, columns, "mean squared error")
