"""Trained agents, as Python has them: loaded by name, painting pictures, pushed to the hub."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impasto.api import paint
from impasto.painters import AgentPainter, Painter
from impasto.painters.named import REFINED
from impasto.painting import Painting
from impasto.persistence.hub import push
from impasto.persistence.model_zoo import find_weights
from impasto.rl.policy import PaintingPolicy


@dataclass(frozen=True, repr=False)
class Agent:
    """Agent that paints pictures of any size.

    Attributes:
        painter: It, as a painter that refines nothing.
        folder: The exported folder that it was loaded from.
        name: What it was loaded by.
    """

    painter: AgentPainter
    folder: Path
    name: str

    @property
    def policy(self) -> PaintingPolicy:
        """The actor, and the environment that it learned in."""
        return self.painter.policy

    def __repr__(self) -> str:
        stroke, strokes = self.painter.stroke.name, self.painter.strokes
        size = self.policy.canvas_size
        return f"<Agent {self.name}: {strokes} {stroke} strokes on {size} x {size} px>"

    def paint(
        self,
        image: Any,
        strokes: int | str | None = None,
        refine: int = REFINED["agent"],
        seed: int = 0,
        **settings: Any,
    ) -> Painting:
        """Paint one picture.

        Args:
            image: A picture in any of the forms that `impasto.paint` takes.
            strokes: How many strokes; the agent's own by default, and `auto` by the content.
            refine: Gradient steps on all strokes; 0 is the agent's painting as it is.
            seed: Fixes the painting, where it is refined.
            settings: Other arguments of `impasto.paint`, but those that the agent has itself.

        Raises:
            UserError: See `impasto.paint`; or the agent's strokes can't be refined.
        """
        painter: Painter = self.painter.refined(refine, seed=seed) if refine else self.painter
        return paint(image, strokes, painter=painter, **settings)

    def push(self, repo: str, private: bool = False, token: str | None = None) -> str:
        """Upload the agent to the Hugging Face hub, where ``hf://owner/name`` finds it.

        Arguments, result and errors are those of `impasto.persistence.hub.push`.
        """
        return push(self.folder, repo, private, token)


def load_agent(weights: str | Path) -> Agent:
    """Load a trained agent.

    Args:
        weights: An exported folder, a run folder, a name such as `photos`, or an address on the
            Hugging Face hub, ``hf://owner/name``.

    Raises:
        UserError: There is none, it is damaged, or holds no agent.
    """
    folder = find_weights(weights, "agent")
    return Agent(AgentPainter(PaintingPolicy.load(folder)), folder, str(weights))
