"""Painting policy of an agent: its actor, and the environment it learned in."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from impasto.errors import UserError, as_typed
from impasto.persistence.description import Describable, describe
from impasto.persistence.exports import (
    CONFIG,
    build_part,
    check_config,
    load_weights,
    read_export,
    write_export,
)
from impasto.persistence.model_zoo import find_weights
from impasto.renderers.base import Renderer
from impasto.rendering import draw
from impasto.rl.environment import OBSERVATION_CHANNELS, PaintingEnvironment
from impasto.strokes import Stroke


class PaintingPolicy(nn.Module):
    """An actor and its environment.

    Args:
        actor: An observation (B, 9, n, n) to an action (B, K * D) in [0, 1].
        environment: The renderer, the number of strokes, the bundle and the background.
    """

    def __init__(self, actor: nn.Module, environment: PaintingEnvironment) -> None:
        super().__init__()
        self.actor = actor
        self.renderer = environment.renderer
        self.environment = environment

    @property
    def stroke(self) -> Stroke:
        """The stroke kind."""
        return self.renderer.stroke

    @property
    def canvas_size(self) -> int:
        """Pixels on a side of the actor's canvas."""
        return self.renderer.canvas_size

    @torch.no_grad()
    def paint(
        self, target: Tensor, canvas: Tensor | None = None, bundles: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Paint pictures, without exploration, with batch statistics of training.

        Args:
            target: (B, 3, n, n) in [0, 1].
            canvas: What is painted so far, likewise; blank by default.
            bundles: After how many it stops; the whole painting by default.

        Returns:
            The strokes (B, N, D) within their limits, exactly as many as the painting has, or those
            of so many bundles; and the canvas (B, 3, n, n) that the actor saw at the end, drawn by
            its own renderer.
        """
        training = self.actor.training
        self.actor.eval()
        environment = self.environment
        state = environment.reset(target)
        if canvas is not None:
            state = state._replace(canvas=canvas)
        painted = []
        for _ in range(environment.max_steps if bundles is None else bundles):
            state, strokes = environment.advance(state, self.actor(environment.observe(state)))
            painted.append(strokes)
        self.actor.train(training)
        return torch.cat(painted, dim=1)[:, : environment.strokes], state.canvas

    def seen(self, picture: Tensor) -> Tensor:
        """Average larger pictures (B, 3, N, N) down to the actor's canvas, (B, 3, n, n)."""
        if picture.shape[-1] <= self.canvas_size:
            return picture
        return functional.interpolate(picture, (self.canvas_size,) * 2, mode="area")

    def paint_exactly(self, target: Tensor) -> Tensor:
        """Paint targets (B, 3, n, n), and return the strokes drawn exactly, of the same shape."""
        strokes, _ = self.paint(target)
        height, width = target.shape[2:]
        return draw(self.stroke, strokes, height, width, self.environment.background)

    def save(
        self,
        folder: str | Path,
        dtype: torch.dtype | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        """Export all that painting needs, the neural renderer included if one was used.

        Args:
            folder: Where; its parent exists.
            dtype: See `write_export`.
            files: See `write_export`.
        """
        environment = self.environment
        assert isinstance(self.actor, Describable), "a fast form is not exported"
        config: dict[str, Any] = {
            "kind": "agent",
            "strokes": environment.strokes,
            "bundle": environment.bundle,
            "background": list(environment.background),
            "relative_color": environment.relative_color,
            "actor": describe(self.actor),
            "renderer": describe(self.renderer),
        }
        write_export(Path(folder), config, self.state_dict(), dtype, files)

    @classmethod
    def load(
        cls,
        path: str | Path | None,
        stroke: Stroke | None = None,
        bundle: int | None = None,
        canvas_size: int | None = None,
    ) -> "PaintingPolicy":
        """Load the policy of an exported ``agent/`` folder, or of the run folder that holds one.

        Args:
            path: The folder, or a name of `impasto.persistence.model_zoo`.
            stroke: The stroke kind that is wanted, and limits that must be the agent's own; any by
                default. An agent keeps its limits, whether they are asked for or not.
            bundle: Strokes per action that are wanted.
            canvas_size: Pixels on a side that are wanted.

        Raises:
            UserError: There is none, it is damaged, it is something else, or not what is wanted.
        """
        if path is None:
            todo = "give the agent's `weights=photos` or FOLDER of a training run"
            raise UserError("the agent's `weights` is not given", todo)
        folder = find_weights(path, "agent")
        config, tensors = read_export(folder)
        todo = "give the agent's `weights` a folder that training exported"
        check_config(config, folder, "agent", todo)
        renderer = build_part(config, "renderer", folder, tensors, Renderer)
        asked = stroke.geometry() if stroke else {}
        asked |= {"bundle": bundle, "canvas_size": canvas_size}
        has = {"bundle": config["bundle"], "canvas_size": renderer.canvas_size}
        has |= renderer.stroke.geometry()
        check_agreement(folder, asked, has, renderer.stroke.fingerprints)
        told = (config[key] for key in ("strokes", "bundle", "background"))
        relative_color = config.get("relative_color", False)  # earlier exports say nothing of it
        environment = PaintingEnvironment(renderer, *told, relative_color)
        _check_actor(folder, config["actor"], environment)
        policy = cls(build_part(config, "actor", folder, tensors, nn.Module), environment)
        load_weights(policy, tensors, folder)
        return policy.requires_grad_(False).eval()


def _check_actor(folder: Path, actor: Mapping[str, Any], environment: PaintingEnvironment) -> None:
    """Check that an actor's input and output fit the environment.

    Raises:
        UserError: It does not.
    """
    fits = {"in_channels": OBSERVATION_CHANNELS, "out_features": environment.action_dim}
    for key, wanted in fits.items():
        if actor.get(key) != wanted:
            what = f"{folder / CONFIG}: actor.{key} is {actor.get(key)}, and the bundle and strokes"
            raise UserError(f"{what} of this agent need {wanted}", "export it again")


def check_agreement(
    folder: Path | str,
    asked: Mapping[str, Any],
    has: Mapping[str, Any],
    fingerprints: Sequence[str] = (),
) -> None:
    """Check that an agent has every value asked for that is not None.

    Args:
        folder: Where it lies, for the error.
        asked: By names as in `Stroke.geometry`, or other arguments.
        has: What it has.
        fingerprints: Names whose values stand for what is in a file.

    Raises:
        UserError: It differs in one.
    """
    for key, value in asked.items():
        if value is not None and value != has.get(key):
            there, wanted = as_typed(has.get(key)), as_typed(value)
            name = key.removeprefix("stroke.")
            what, todo = f"`{name}`", f"set `{name}={there}`, or train one with `{name}={wanted}`"
            if key in fingerprints:
                what, todo = key, "give the file that it has learned with, or train one with this"
            raise UserError(f"the agent in {folder} has {what} {there}, not {wanted}", todo)
