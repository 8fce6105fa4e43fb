"""Exported renderers: folders with the weights and the verdict on them."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from impasto.errors import UserError, as_typed
from impasto.persistence.description import describe
from impasto.persistence.exports import (
    build_part,
    check_config,
    load_weights,
    read_export,
    write_export,
)
from impasto.persistence.model_zoo import find_weights
from impasto.renderers.base import Renderer
from impasto.renderers.verdict import Verdict
from impasto.strokes import Stroke
from impasto.strokes.limits import looser_limit


class LearnedRenderer(Renderer):
    """Renderer with weights that pretraining finds.

    Args:
        stroke: The stroke kind.
        canvas_size: Pixels on a side, n.
        architecture: The other constructor arguments, for `config`.
    """

    def __init__(self, stroke: Stroke, canvas_size: int, **architecture: Any) -> None:
        super().__init__(stroke, canvas_size)
        self._architecture = architecture

    def config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {**super().config(), **self._architecture}

    @classmethod
    def load(
        cls,
        stroke: Stroke,
        canvas_size: int,
        weights: str | Path | None = None,
        allow_untrained: bool = False,
        **architecture: Any,
    ) -> Renderer:
        """Load exported weights; without any, make a new renderer.

        Args:
            stroke: The stroke kind.
            canvas_size: Pixels on a side.
            weights: See `load_renderer`: of any learned renderer, as it was when it learned.
            allow_untrained: Take one that was never trained, too.
            architecture: Further arguments of a new one.

        Raises:
            UserError: See `load_renderer`; or there are no weights, and it has to be trained.
        """
        if weights:
            return load_renderer(weights, stroke, canvas_size, allow_untrained)
        if not allow_untrained:
            raise UserError(
                "the renderer's `weights` is not given, so the renderer is untrained",
                "give those of a pretraining run, or paint without any by `AnalyticRenderer`, "
                "or insist by `allow_untrained=true`",
            )
        return cls(stroke, canvas_size, **architecture)


def save_renderer(folder: Path, renderer: Renderer, verdict: Verdict) -> None:
    """Export a renderer with its verdict."""
    config = {
        "kind": "renderer",
        "renderer": describe(renderer),
        "verdict": {**asdict(verdict), "trained": verdict.trained},
    }
    write_export(folder, config, renderer.state_dict())


def load_renderer(
    weights: str | Path,
    stroke: Stroke | None = None,
    canvas_size: int | None = None,
    allow_untrained: bool = False,
) -> Renderer:
    """Load a renderer from an exported ``renderer/`` folder, or a run folder that holds one.

    Args:
        weights: The folder, or a name of `impasto.persistence.model_zoo`.
        stroke: The stroke kind that is wanted.
        canvas_size: Pixels on a side that are wanted.
        allow_untrained: Take one that was never trained, too.

    Raises:
        UserError: There is none, it is damaged, of another stroke kind or size, or untrained.
    """
    folder = find_weights(weights, "renderer")
    config, tensors = read_export(folder)
    todo = "give the renderer's `weights` a folder that pretraining exported"
    check_config(config, folder, "renderer", todo)
    renderer = build_part(config, "renderer", folder, tensors, Renderer)
    if stroke is not None and renderer.stroke.name != stroke.name:
        raise UserError(
            f"the renderer in {folder} draws {renderer.stroke.name} strokes, not {stroke.name}",
            f"choose `{type(renderer.stroke).__name__}`, or pretrain one with "
            f"`{type(stroke).__name__}`",
        )
    if stroke is not None:
        _check_limits(renderer.stroke, stroke, folder)
        renderer.stroke = stroke  # whose limits, being as narrow, are those that count
    if canvas_size is not None and renderer.canvas_size != canvas_size:
        raise UserError(
            f"the renderer in {folder} draws at {renderer.canvas_size} px, not {canvas_size}",
            f"set `canvas_size={renderer.canvas_size}`, or pretrain one at {canvas_size}",
        )
    verdict = config["verdict"]
    if not (verdict["trained"] or allow_untrained):
        found = Verdict(verdict["mse"], verdict["mean_image"], verdict.get("noise", 0.0))
        raise UserError(
            f"the renderer in {folder} was never trained: its error is {found.ratio:.2f} of the "
            "mean image's",
            "pretrain it longer, or set `allow_untrained=true`",
        )
    load_weights(renderer, tensors, folder)
    loaded: Renderer = renderer.requires_grad_(False).eval()
    return loaded


def _check_limits(drawn: Stroke, wanted: Stroke, folder: Path) -> None:
    """Check that a renderer has learned all strokes within the limits asked for.

    Raises:
        UserError: It is of the kind with other options, or of narrower limits.
    """
    here, there = wanted.geometry(), drawn.geometry()
    limits = {f"stroke.{key}" for key in wanted.limits() | drawn.limits()}
    keys = [key for key in there | here if key not in limits and here.get(key) != there.get(key)]
    if looser := looser_limit(wanted, drawn):
        keys.append(f"stroke.{looser}")
    for key in keys:
        name, learned = key.removeprefix("stroke."), as_typed(there.get(key))
        other = "without" if here.get(key) is None else f"with `{name}={as_typed(here[key])}`"
        what, todo = f"`{name}={learned}`", f"set `{name}={learned}`, or pretrain one {other}"
        if key in wanted.fingerprints:
            what = f"{key}={learned}"
            todo = "give the file that it has learned, or pretrain one with this"
        raise UserError(
            f"the renderer in {folder} has learned {what} only, not {as_typed(here.get(key))}", todo
        )
