"""This project beside github.com/hzwer/ICCV2019-LearningToPaint, whose checkout a user gives.

``make bench PEER=FOLDER``. None of that code is here: its modules are imported from the folder.
Each piece is what its scripts do (train.py, train_renderer.py, test.py), on random pictures.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.bench_training import learning
from benchmarks.conftest import Timed
from benchmarks.machine import device, once
from benchmarks.report import number
from benchmarks.workbench import Workbench
from impasto.runtime.precision import missing_compiler
from impasto.strokes import Bezier

pytestmark = pytest.mark.benchmark(group="peer")

SIZE = 128  # pixels on a side: its code knows no other
_DRAWN, _RENDERED = 256, 64  # strokes drawn at once, and in an update of its renderer
_RATES = (3e-4, 1e-3)  # of its train.py: critic's and actor's
_SHAPE = 10
_IMAGES = 256
_REPEATS = 5
_MS = 1e3
Work = tuple[Callable[[], object], int]
"""Work to time, and the units of it in one call."""


class LearningToPaint:
    """A checkout, imported piece by piece as that is asked for.

    Args:
        batch: Canvases in a rollout, transitions in an update.
        steps: Steps of an episode.
    """

    def __init__(self, batch: int, steps: int) -> None:
        self.batch, self.steps = batch, steps
        self.draws = np.random.default_rng(0)

    @cached_property
    def renderer(self) -> torch.nn.Module:
        """A new network of its renderer."""
        network: torch.nn.Module = import_module("Renderer.model").FCN().to(device())
        return network

    @cached_property
    def learning(self) -> Any:
        """The module of its agent, which loads a renderer when it is imported."""
        torch.save({k: v.cpu() for k, v in self.renderer.state_dict().items()}, "../renderer.pkl")
        return import_module("DRL.ddpg")

    @cached_property
    def agent(self) -> Any:
        """Its agent, with the batch as the number of canvases."""
        writer = type("Writer", (), {"add_scalar": lambda *unused: None})()
        agent = self.learning.DDPG(
            batch_size=self.batch,
            env_batch=self.batch,
            max_step=self.steps,
            discount=0.95**5,
            writer=writer,
        )
        agent.train()
        return agent

    @cached_property
    def environment(self) -> Any:
        """Its environment, on random images."""
        module: Any = import_module("env")
        shape = (_IMAGES, SIZE, SIZE, 3)
        module.img_train.extend(self.draws.integers(256, size=shape, dtype=np.uint8))
        module.train_num = _IMAGES
        return module.Paint(self.batch, self.steps)

    def draw(self) -> None:
        """Draw strokes one after the other: its code has no other way."""
        draw = import_module("Renderer.stroke_gen").draw
        for shape in self.draws.uniform(0, 1, (_DRAWN, _SHAPE)):
            draw(shape)

    def renderer_step(self) -> Callable[[], object]:
        """Return one update of its renderer, strokes drawn and moved to the device."""
        draw, network = import_module("Renderer.stroke_gen").draw, self.renderer
        optimizer = torch.optim.Adam(network.parameters(), 1e-4)

        def step() -> None:
            shapes = self.draws.uniform(0, 1, (_RENDERED, _SHAPE))
            exact = np.array([draw(shape) for shape in shapes])
            wanted = torch.tensor(exact).float().to(device())
            made = network(torch.tensor(shapes).float().to(device()))
            loss = torch.nn.functional.mse_loss(made, wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return step

    @torch.no_grad()
    def paint(self) -> None:
        """Paint a picture by actor and decoder, as its test.py does without dividing."""
        learning, agent = self.learning, self.agent
        image = torch.rand(1, 3, SIZE, SIZE, device=device())
        agent.eval()
        canvas = torch.zeros_like(image)
        for at in range(self.steps):
            step = torch.full((1, 1, SIZE, SIZE), at / self.steps, device=device())
            action = agent.actor(torch.cat([canvas, image, step, learning.coord], 1))
            canvas = learning.decode(action, canvas)
        agent.train()

    def update(self) -> None:
        """One update of critic, actor and discriminator, drawn from its replay."""
        if self.agent.memory.size() < self.batch:
            self.play()
        self.agent.update_policy(_RATES)

    def play(self) -> None:
        """A whole episode of all canvases into the replay, as its train.py makes it."""
        agent, paint = self.agent, self.environment
        observation = paint.reset()
        agent.reset(observation, 0)
        for step in range(self.steps):
            action = agent.select_action(observation, noise_factor=0)
            with torch.no_grad():
                observation, reward, done, _ = paint.step(torch.tensor(action).to(device()))
            agent.observe(reward, observation, done, step)


@pytest.fixture(scope="module")
def peer(
    pytestconfig: pytest.Config, bench: Workbench, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LearningToPaint]:
    """The peer, working in a temporary folder, as it reads ``../renderer.pkl``."""
    folder = pytestconfig.getoption("peer")
    if folder is None:
        pytest.skip("no PEER=FOLDER is given")
    baseline = Path(folder).resolve() / "baseline"
    if not (baseline / "DRL" / "ddpg.py").is_file():
        pytest.fail(f"{folder} has no baseline/DRL/ddpg.py — give a checkout of the peer's")
    place = tmp_path_factory.mktemp("peer") / "baseline"
    place.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr(sys, "path", [str(baseline), *sys.path])
        yield LearningToPaint(bench.scale.batch, bench.agent.environment.max_steps)


def compared(ours: Work, theirs: Work, timed: Timed, what: str, aim: str) -> tuple[Any, ...]:
    """Time ours, the peer's, ours, the peer's, …, after one of each to warm up.

    Returns:
        Seconds of a unit of work, ours and the peer's, pair by pair.
    """
    pairs: list[tuple[float, float]] = []

    def flagged() -> None:
        with torch.backends.cudnn.flags(benchmark=True):  # as its train.py has it
            theirs[0]()

    def work() -> None:
        pairs.append((once(ours[0]) / ours[1], once(flagged) / theirs[1]))

    work()
    timed(f"{what}, ours and LearningToPaint's", work, rounds=_REPEATS, aim=aim)
    return tuple(pairs[1:])


def said(pairs: Sequence[tuple[float, float]]) -> str:
    """Describe pairs of seconds, and the ratios of their speeds: median, least and most."""
    ratios = [second / first for first, second in pairs]
    own, peers = (_MS * median(side) for side in zip(*pairs, strict=True))
    spread = f"({number(min(ratios))} … {number(max(ratios))})"
    return f"{number(own)} ms to {number(peers)} ms: {number(median(ratios))} × {spread}"


def _strokes(peer: LearningToPaint, bench: Workbench) -> tuple[Work, Work]:
    stroke, size, count = Bezier(), bench.scale.size, bench.scale.drawn
    shapes = stroke.sample(count, device=device())
    return (lambda: stroke.rasterize(shapes, size, size), count), (peer.draw, _DRAWN)


def _renderer(peer: LearningToPaint, bench: Workbench) -> tuple[Work, Work]:
    ours = (bench.renderer_step, bench.pretraining.batch_size)
    return ours, (peer.renderer_step(), _RENDERED)


def _picture(peer: LearningToPaint, bench: Workbench) -> tuple[Work, Work]:
    target = bench.pictures(1)
    return (lambda: bench.paint(target), 1), (peer.paint, 1)


def _compiled(peer: LearningToPaint, bench: Workbench) -> tuple[Work, Work]:
    if missing := missing_compiler(device()):
        pytest.skip(str(missing))
    target = bench.pictures(1)
    return (lambda: bench.paint(target, compiled=True), 1), (peer.paint, 1)


def _update(peer: LearningToPaint, bench: Workbench) -> tuple[Work, Work]:
    peer.update()  # fills its replay
    return (bench.update, 1), (peer.update, 1)


def _learning(peer: LearningToPaint, bench: Workbench) -> tuple[Work, Work]:
    share = bench.agent.updates_per_rollout

    def theirs() -> None:
        peer.play()
        for _ in range(share):
            peer.update()

    return (learning(bench, 1), share), (theirs, share)


@pytest.mark.parametrize(
    ("make", "what", "on_cpu", "on_gpu"),
    [
        (_strokes, "a stroke drawn exactly", "≥ 3 ×", "≥ 1,000 ×"),
        (_renderer, "a stroke that a renderer learns from", "", ""),
        (_picture, "a picture", "≥ 3 ×", "≥ 5 ×"),
        (_compiled, "a picture with compile=true", "", ""),
        (_update, "one update", "≥ 2 ×", ""),
        (_learning, "one update with its share of a rollout", "", "≥ 10 ×"),
    ],
)
def test_peer(
    make: Callable[[LearningToPaint, Workbench], tuple[Work, Work]],
    what: str,
    on_cpu: str,
    on_gpu: str,
    peer: LearningToPaint,
    bench: Workbench,
    timed: Timed,
    benchmark: Any,
) -> None:
    """The same work by both, in turns."""
    aim = on_gpu if device().type == "cuda" else on_cpu
    pairs = compared(*make(peer, bench), timed, what, aim)
    benchmark.extra_info["ratio"] = said(pairs)
