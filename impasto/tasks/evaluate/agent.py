"""Measuring an agent on held-out images: ``task=evaluate``."""

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)
from tqdm import tqdm

from datamodules.base import ImageDataModule
from impasto.bounds import Count
from impasto.canvas import to_float, to_uint8
from impasto.io.figures import save_curves, save_sheet
from impasto.painters import AgentPainter
from impasto.persistence.atomic import atomic_write
from impasto.rendering import draw_each
from impasto.rl.policy import PaintingPolicy
from impasto.rl.rewards import l2_distance
from impasto.tasks.evaluate.legibility import ReadingCount, reading_count
from impasto.tasks.evaluate.stroke_order import OrderCount, order_count

_SHOWN = 24


class Means:
    """Means and spreads of columns over many rows, of which none is kept; in float64.

    Batches are joined as by Chan et al. ("Updating formulae and a pairwise algorithm for computing
    sample variances", 1979): what is near equal loses no digits.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = self._squares = torch.zeros((), dtype=torch.float64)

    def add(self, rows: Tensor) -> None:
        """A batch (B, ...)."""
        rows = rows.detach().cpu().double()
        count, mean = len(rows), rows.mean(0)
        apart, total = mean - self.mean, self.count + count
        self._squares = (
            self._squares
            + (rows - mean).square().sum(0)
            + apart.square() * (self.count * count / total)
        )
        self.mean = self.mean + apart * (count / total)
        self.count = total

    @property
    def std(self) -> Tensor:
        """The standard deviation of all rows, (...)."""
        return (self._squares / self.count).sqrt()


class Curve:
    """L2, PSNR and SSIM after every stroke, over all pictures that were added."""

    def __init__(self) -> None:
        self._measures = {name: Means() for name in ("l2", "psnr", "ssim")}
        self.by_picture: list[float] = []  # each picture's L2 after the last stroke

    @property
    def count(self) -> int:
        """Number of pictures that were added."""
        return self._measures["l2"].count

    def add(self, canvases: Iterable[Tensor], target: Tensor) -> Tensor:
        """Measure one batch's canvases (B, 3, H, W), one after each stroke, the blank one first.

        They are taken one by one: all of 400 strokes at 128 px would need 20 GB.

        Returns:
            The last one.
        """
        columns: list[tuple[Tensor, Tensor, Tensor]] = []
        canvas = target
        for canvas in canvases:
            ssim = structural_similarity_index_measure(
                canvas, target, data_range=1.0, reduction="none"
            )
            psnr = peak_signal_noise_ratio(
                canvas, target, data_range=1.0, reduction="none", dim=(1, 2, 3)
            )
            assert isinstance(ssim, Tensor)
            # A perfect canvas has an infinite PSNR, of which no mean can be taken.
            columns.append((l2_distance(canvas, target), psnr.clamp_max(100.0), ssim))
        for measure, values in zip(
            self._measures.values(), zip(*columns, strict=True), strict=True
        ):
            measure.add(torch.stack(values, dim=1))  # (B, strokes + 1)
        self.by_picture += columns[-1][0].tolist()
        return canvas

    def rows(self) -> list[dict[str, float]]:
        """Means over all pictures, a row per number of strokes."""
        l2, psnr, ssim = self._measures.values()
        columns = zip(
            l2.mean.tolist(), l2.std.tolist(), psnr.mean.tolist(), ssim.mean.tolist(), strict=True
        )
        names = ("l2_mean", "l2_std", "psnr_mean", "ssim_mean")
        return [
            {"stroke": stroke, **dict(zip(names, values, strict=True))}
            for stroke, values in enumerate(columns)
        ]


class Sheet:
    """The first pictures of a test split, to be shown in rows."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Tensor]] = {"target": [], "seen": [], "painted": []}

    def add(self, target: Tensor, agent_canvas: Tensor, painted: Tensor) -> None:
        """A batch (B, 3, H, W) of each: targets, what the agent saw at last, and its strokes.

        Floats in [0, 1], or uint8.
        """
        if sum(len(part) for part in self._rows["target"]) < _SHOWN:
            for row, part in zip(self._rows.values(), (target, agent_canvas, painted), strict=True):
                row.append(to_float(part).cpu() if part.dtype == torch.uint8 else part.cpu())

    def save(self, path: Path, *names: str) -> None:
        """Write these rows as a picture."""
        save_sheet(path, *(torch.cat(self._rows[name])[:_SHOWN] for name in names))


@torch.no_grad()
def evaluate(
    policy: PaintingPolicy,
    datamodule: ImageDataModule,
    folder: Path,
    device: str = "cpu",
    strokes: Count | None = None,
) -> dict[str, Any]:
    """Paint the whole test split, draw the strokes exactly, and measure after every stroke.

    Leaves ``curve.csv``, ``curve.png``, ``pictures.csv`` (each picture's L2, in the split's order)
    and ``paintings.png`` (targets above paintings); where the agent's renderer is a learned one,
    also ``transfer.png``: targets, above the canvases that the agent saw, above its strokes drawn
    exactly (Neural Painters, Figures 7 and 9).

    Args:
        policy: The agent.
        datamodule: The data, at the agent's canvas size.
        folder: The run folder.
        device: Where to paint.
        strokes: How many strokes, painted feed-forward by `AgentPainter` on squares of the picture;
            by default as many as an episode has, on the whole picture.

    Returns:
        Metrics for the summary; ``l2_renderer`` is that of the canvas that the agent saw.
    """
    datamodule.setup("test")
    order = order_count(datamodule, policy)
    reading = reading_count(datamodule)
    painter = None if strokes is None else AgentPainter(policy, strokes)
    curve, sheet, means = _paint(policy.to(device), painter, datamodule, device, order, reading)
    rows = curve.rows()
    blank, final = rows[0]["l2_mean"], rows[-1]
    sheet.save(folder / "paintings.png", "target", "painted")
    _save_curve(folder, rows)
    by_picture = [{"picture": i, "l2": l2} for i, l2 in enumerate(curve.by_picture)]
    _save_table(folder / "pictures.csv", by_picture)
    print(
        f"test: L2 {final['l2_mean']:.5f} (blank {blank:.5f}), PSNR {final['psnr_mean']:.2f} dB, "
        f"SSIM {final['ssim_mean']:.3f}; paintings: {folder / 'paintings.png'}"
    )
    if policy.renderer.learned:
        sheet.save(folder / "transfer.png", "target", "seen", "painted")
        print(
            f"transfer: L2 {means['l2_renderer']:.5f} on the learned renderer's canvas, "
            f"{final['l2_mean']:.5f} by the strokes themselves: {folder / 'transfer.png'}"
        )
    shares = None if reading is None else reading.shares()
    if shares is not None:
        print(
            f"readable: {shares[0]:.1%} of the painted digits are taken for what they are "
            f"({shares[1]:.1%} of the real ones)"
        )
    metrics = {
        "strokes": len(rows) - 1,
        "images": curve.count,
        "l2": final["l2_mean"],
        "psnr": final["psnr_mean"],
        "ssim": final["ssim_mean"],
        **means,
        "readable": shares[0] if shares else None,
        **({} if order is None else order.shares()),
    }
    return {name: value for name, value in metrics.items() if value is not None}


def _paint(
    policy: PaintingPolicy,
    painter: AgentPainter | None,
    datamodule: ImageDataModule,
    device: str,
    order: OrderCount | None,
    reading: ReadingCount | None,
) -> tuple[Curve, Sheet, dict[str, float]]:
    """Paint the test split; of each batch nothing is kept but what it adds to the figures.

    Returns:
        The curve, the first pictures, and means: ``l2_renderer``, of what the agent saw at last,
        and what its stroke kind watches.
    """
    curve, sheet = Curve(), Sheet()
    metrics: dict[str, Means] = {}
    loader = datamodule.test_dataloader()
    for batch in tqdm(loader, desc="painting the test split", file=sys.stderr, leave=False):
        target = to_float(batch["target"].to(device))
        agent_canvas = None
        if painter is None:
            target = policy.seen(target)
            strokes, agent_canvas = policy.paint(target)
        else:
            strokes = torch.stack([painter.paint(picture) for picture in target])
        height, width = target.shape[2:]
        background = policy.environment.background
        drawn = curve.add(draw_each(policy.stroke, strokes, height, width, background), target)
        if agent_canvas is None:  # the agent saw squares of it
            agent_canvas = drawn
        l2 = l2_distance(agent_canvas, target)
        of_batch = {"l2_renderer": l2, **policy.stroke.watched(strokes)}
        for name, value in of_batch.items():
            metrics.setdefault(name, Means()).add(value.expand(len(target)))
        painted = to_uint8(drawn).cpu()
        if order is not None:
            order.add(strokes, batch["label"])
        if reading is not None:
            reading.add(to_float(painted), batch["label"])
        sheet.add(target, agent_canvas, painted)
    return curve, sheet, {name: means.mean.item() for name, means in metrics.items()}


def _save_curve(folder: Path, rows: list[dict[str, float]]) -> None:
    _save_table(folder / "curve.csv", rows)
    save_curves(
        folder / "curve.png",
        [row["stroke"] for row in rows],
        {"test L2": [row["l2_mean"] for row in rows]},
        "strokes",
        "L2",
        log=True,
    )


def _save_table(path: Path, rows: list[dict[str, float]]) -> None:
    with atomic_write(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
