"""A trained renderer as a folder: its weights and the verdict on them."""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from painting.errors import UserError
from painting.exports import build, check_keys, describe, load_weights, read_export, write_export
from painting.precision import full_precision
from painting.renderers.base import Renderer
from painting.strokes import Stroke
from painting.weights import find_weights

# A renderer above this share of the mean image's error has not learned to draw.
TRAINED_BELOW = 0.1


@dataclass(frozen=True)
class Verdict:
    """How well a renderer draws fresh strokes.

    Attributes:
        mse: Mean squared error of its alpha against the exact one.
        mean_image: The same of the mean picture of those strokes: what a renderer reaches that has
            learned nothing about its input.
        noise: What of both is of random numbers that a kind draws with, and none can know: half of
            the mean squared difference of the same strokes drawn twice.
    """

    mse: float
    mean_image: float
    noise: float = 0.0

    @property
    def ratio(self) -> float:
        """Share of the mean image's error; of both, without the noise."""
        return (self.mse - self.noise) / (self.mean_image - self.noise)

    @property
    def trained(self) -> bool:
        """Whether the renderer draws its strokes at all."""
        return self.ratio <= TRAINED_BELOW


@torch.no_grad()
def judge(renderer: Renderer, count: int = 2048, seed: int = 0) -> Verdict:
    """Measure a renderer on strokes drawn for this alone.

    Args:
        renderer: On any device; its mode is not changed.
        count: Strokes.
        seed: Of the strokes.
    """
    device = next(iter(renderer.parameters()), torch.zeros(0)).device
    size, stroke = renderer.canvas_size, renderer.stroke
    shapes = stroke.sample(count, torch.Generator().manual_seed(seed)).to(device)
    mean = torch.zeros(1, 1, size, size, device=device, dtype=torch.float64)
    square, error, noise = 0.0, 0.0, 0.0
    for shape in shapes.split(256):
        exact = stroke.rasterize(shape, size, size)
        with full_precision(exact):
            drawn = renderer(shape)
        error += (drawn - exact).square().sum(dtype=torch.float64).item()
        square += exact.square().sum(dtype=torch.float64).item()
        mean += exact.sum(0, dtype=torch.float64) / count
        if stroke.random:
            again = stroke.redrawn(shape, size, size)
            noise += (again - exact).square().sum(dtype=torch.float64).item() / 2
    pixels = count * size * size
    variance = square / pixels - mean.square().mean().item()
    return Verdict(mse=error / pixels, mean_image=variance, noise=noise / pixels)


def save_renderer(folder: Path, renderer: Renderer, verdict: Verdict) -> None:
    """Export a renderer with its verdict."""
    config = {
        "kind": "renderer",
        "renderer": describe(renderer),
        "verdict": {**asdict(verdict), "trained": verdict.trained},
    }
    write_export(folder, config, renderer.state_dict())


def load_renderer(
    weights: str | Path, stroke: Stroke | None = None, canvas_size: int | None = None,
    allow_untrained: bool = False,
) -> Renderer:  # fmt: skip
    """A renderer from an exported ``renderer/`` folder, or from the run folder that holds one.

    Args:
        weights: The folder, or a name of `painting.weights`.
        stroke: The stroke kind that is wanted.
        canvas_size: Pixels on a side that are wanted.
        allow_untrained: Take one that was never trained, too.

    Raises:
        UserError: There is none, it is damaged, of another stroke kind or size, or untrained.
    """
    folder = find_weights(weights, "renderer")
    config, tensors = read_export(folder)
    if config.get("kind") != "renderer":
        raise UserError(
            f"{folder} holds a {config.get('kind', 'thing of no kind')}, not a renderer",
            "give renderer.weights a folder that task=pretrain exported",
        )
    check_keys(config, folder, "renderer", "verdict")
    renderer = build(config["renderer"])
    if stroke is not None and renderer.stroke.name != stroke.name:
        raise UserError(
            f"the renderer in {folder} draws {renderer.stroke.name} strokes, not {stroke.name}",
            f"choose stroke={renderer.stroke.name}, or pretrain one with stroke={stroke.name}",
        )
    if stroke is not None:
        _check_limits(renderer.stroke, stroke, folder)
        renderer.stroke = stroke  # whose limits, being as narrow, are those that count
    if canvas_size is not None and renderer.canvas_size != canvas_size:
        raise UserError(
            f"the renderer in {folder} draws at {renderer.canvas_size} px, not {canvas_size}",
            f"set canvas.size={renderer.canvas_size}, or pretrain one at {canvas_size}",
        )
    verdict = config["verdict"]
    if not (verdict["trained"] or allow_untrained):
        raise UserError(
            f"the renderer in {folder} was never trained: its error is "
            f"{verdict['mse'] / verdict['mean_image']:.2f} of the mean image's",
            "pretrain it longer, or set renderer.allow_untrained=true",
        )
    load_weights(renderer, tensors, folder)
    loaded: Renderer = renderer.requires_grad_(False).eval()
    return loaded


def _check_limits(drawn: Stroke, wanted: Stroke, folder: Path) -> None:
    """Check that a renderer has learned all the strokes of its kind that are wanted.

    Raises:
        UserError: It is of the kind with other options, or of narrower limits.
    """
    here, there = wanted.geometry(), drawn.geometry()
    keys = [
        f"stroke.{key}"
        for key in {**drawn.options(), **wanted.options()}
        if here.get(f"stroke.{key}") != there.get(f"stroke.{key}")
    ]
    if looser := wanted.looser_than(drawn):
        keys.append(f"stroke.{looser}")
    for key in keys:
        raise UserError(
            f"the renderer in {folder} has learned {key}={there.get(key)} only, not "
            f"{here.get(key)}",
            f"set {key}={there.get(key)}, or pretrain one without",
        )
