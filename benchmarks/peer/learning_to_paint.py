"""The pieces of work of github.com/hzwer/ICCV2019-LearningToPaint, by its own functions.

Each is what its scripts do (train.py, train_renderer.py, test.py), on random pictures.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch

from benchmarks.machine import device

SIZE = 128
"""Pixels on a side: its code knows no other."""
DRAWN = 256
"""Strokes drawn by one call of the piece `strokes`."""
RENDERED = 64
"""Strokes in an update of its renderer."""

_RATES = (3e-4, 1e-3)  # of its train.py: critic's and actor's
_SHAPE, _ACTION = 10, 65
_IMAGES = 256

Piece = Callable[["LearningToPaint"], Callable[[], object]]
PIECES: dict[str, Piece] = {}


def piece(make: Piece) -> Piece:
    """Make a function of the peer that returns work one of the pieces, by its name."""
    PIECES[make.__name__] = make
    return make


class _Writer:
    """Stand-in for the peer's TensorBoard writer."""

    def add_scalar(self, *unused: object) -> None:
        """Do nothing."""


class LearningToPaint:
    """A checkout, imported piece by piece as that is asked for.

    Its modules load ``../renderer.pkl`` when they are imported, so the process works in a temporary
    folder that holds one, made of its own network, as long as this context is open.

    Args:
        folder: The checkout.
        batch: Canvases in a rollout, transitions in an update.
        steps: Steps of an episode.
    """

    def __init__(self, folder: Path, batch: int, steps: int) -> None:
        self.baseline = folder.resolve() / "baseline"
        self.batch, self.steps = batch, steps
        self.draws = np.random.default_rng(0)

    def __enter__(self) -> "LearningToPaint":
        """Change to the temporary folder."""
        self._temporary = tempfile.TemporaryDirectory(prefix="impasto-peer-")
        self._home = Path.cwd()
        place = Path(self._temporary.name) / "baseline"
        place.mkdir()
        os.chdir(place)
        sys.path.insert(0, str(self.baseline))
        torch.backends.cudnn.benchmark = True  # as its train.py has it
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Change back to the folder before."""
        sys.path.remove(str(self.baseline))
        os.chdir(self._home)
        self._temporary.cleanup()

    @cached_property
    def draw(self) -> Callable[[Any], Any]:
        """One stroke, by OpenCV."""
        draw: Callable[[Any], Any] = import_module("Renderer.stroke_gen").draw
        return draw

    @cached_property
    def renderer(self) -> torch.nn.Module:
        """A new network of its renderer."""
        network: torch.nn.Module = import_module("Renderer.model").FCN().to(device())
        return network

    @cached_property
    def learning(self) -> Any:
        """The module of its agent."""
        torch.save({k: v.cpu() for k, v in self.renderer.state_dict().items()}, "../renderer.pkl")
        return import_module("DRL.ddpg")

    @cached_property
    def agent(self) -> Any:
        """Its agent, with the batch as the number of canvases."""
        agent = self.learning.DDPG(
            batch_size=self.batch,
            env_batch=self.batch,
            max_step=self.steps,
            discount=0.95**5,
            writer=_Writer(),
        )
        agent.train()
        return agent

    @cached_property
    def paint(self) -> Any:
        """Its environment, on random images."""
        module: Any = import_module("env")
        shape = (_IMAGES, SIZE, SIZE, 3)
        module.img_train.extend(self.draws.integers(256, size=shape, dtype=np.uint8))
        module.train_num = _IMAGES
        return module.Paint(self.batch, self.steps)

    def play(self) -> None:
        """A whole episode of all canvases into the replay, as its train.py makes it."""
        agent, paint = self.agent, self.paint
        observation = paint.reset()
        agent.reset(observation, 0)
        for step in range(self.steps):
            action = agent.select_action(observation, noise_factor=0)
            with torch.no_grad():
                observation, reward, done, _ = paint.step(torch.tensor(action).to(device()))
            agent.observe(reward, observation, done, step)


@piece
def strokes(peer: LearningToPaint) -> Callable[[], object]:
    """Strokes drawn one after the other: its code has no other way."""
    draw = peer.draw
    shapes = peer.draws.uniform(0, 1, (DRAWN, _SHAPE))
    return lambda: [draw(shape) for shape in shapes]


@piece
def renderer_step(peer: LearningToPaint) -> Callable[[], object]:
    """One update of its renderer, strokes drawn and moved to the device."""
    draw, network = peer.draw, peer.renderer
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)

    def step() -> None:
        shapes = peer.draws.uniform(0, 1, (RENDERED, _SHAPE))
        exact = np.array([draw(shape) for shape in shapes])
        wanted = torch.tensor(exact).float().to(device())
        made = network(torch.tensor(shapes).float().to(device()))
        loss = torch.nn.functional.mse_loss(made, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


@piece
def picture(peer: LearningToPaint) -> Callable[[], object]:
    """One picture by actor and decoder, as its test.py paints it without dividing."""
    learning, agent = peer.learning, peer.agent
    image = torch.rand(1, 3, SIZE, SIZE, device=device())

    @torch.no_grad()
    def work() -> None:
        agent.eval()
        canvas = torch.zeros_like(image)
        for number in range(peer.steps):
            step = torch.full((1, 1, SIZE, SIZE), number / peer.steps, device=device())
            action = agent.actor(torch.cat([canvas, image, step, learning.coord], 1))
            canvas = learning.decode(action, canvas)
        agent.train()

    return work


@piece
def update(peer: LearningToPaint) -> Callable[[], object]:
    """One update of critic, actor and discriminator, drawn from its replay."""
    agent = peer.agent
    if agent.memory.size() < peer.batch:
        peer.play()
    return lambda: agent.update_policy(_RATES)


@piece
def rollout(peer: LearningToPaint) -> Callable[[], object]:
    """A whole episode of all canvases, into its replay."""
    return peer.play
