"""``make bench``: a table of what later work is judged against."""

from collections.abc import Iterator
from functools import partial

import pytorch_lightning as pl
import torch

from benchmarks.machine import device, machine, peak_memory_mb, seconds
from lightning_modules import ModelBasedDDPG
from painting.drawing import draw
from painting.environment import PaintingEnvironment
from painting.networks import Actor, Critic, Discriminator
from painting.policy import PaintingPolicy
from painting.renderers import NeuralRenderer, Renderer
from painting.replay import ReplayBuffer
from painting.rewards import WganGpReward
from painting.strokes import Bezier, Circle, Line, Stroke, Triangle

_SIZE = 128
_BATCH = 16
Row = tuple[str, str]


def main() -> None:
    """Measure, row by row."""
    print(f"machine: {machine()}\ncanvas {_SIZE} px, the papers' networks, batch {_BATCH}\n")
    print("| what | figure |\n| --- | --- |")
    for measure in (strokes_drawn, renderer_training, agent, painting):
        for what, figure in measure():
            print(f"| {what} | {figure} |", flush=True)


def strokes_drawn() -> Iterator[Row]:
    """Exact strokes per second, and with their gradients."""
    for stroke in (Bezier(), Line(), Circle(), Triangle()):
        shape = stroke.sample(256, device=device())
        taken = seconds(lambda s=stroke, x=shape: s.rasterize(x, _SIZE, _SIZE), 3)  # type: ignore[misc]
        yield f"{stroke.name} strokes drawn exactly", f"{256 / taken:,.0f} / s"
        taken = seconds(lambda s=stroke, x=shape: _with_gradient(s, x), 3)  # type: ignore[misc]
        yield f"{stroke.name} strokes drawn and differentiated", f"{256 / taken:,.0f} / s"


def _with_gradient(stroke: Stroke, shape: torch.Tensor) -> None:
    shape = shape.detach().requires_grad_()
    stroke.rasterize(shape, _SIZE, _SIZE).sum().backward()


def renderer_training() -> Iterator[Row]:
    """Strokes per second that a neural renderer learns from, drawing included."""
    stroke = Bezier()
    renderer = NeuralRenderer(stroke, _SIZE).to(device())
    optimizer = torch.optim.Adam(renderer.parameters(), 1e-4)

    def step() -> None:
        shape = stroke.sample(64, device=device())
        loss = (renderer(shape) - stroke.rasterize(shape, _SIZE, _SIZE)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    yield "renderer training", f"{64 / seconds(step):,.0f} strokes / s"


def _agent(renderer: Renderer) -> ModelBasedDDPG:
    return ModelBasedDDPG(
        environment=PaintingEnvironment(renderer, strokes=200, bundle=5),
        actor=Actor, critic=Critic, replay=ReplayBuffer(_BATCH), updates=0, batch_size=_BATCH,
        reward=WganGpReward(Discriminator()),
        actor_optimizer=partial(torch.optim.Adam, lr=3e-4),
        critic_optimizer=partial(torch.optim.Adam, lr=1e-3),
        reward_optimizer=partial(torch.optim.Adam, lr=1e-4),
    )  # fmt: skip


def agent() -> Iterator[Row]:
    """Environment steps, updates and transitions per second, and what a transition takes."""
    module = _agent(NeuralRenderer(Bezier(), _SIZE))
    _attach(module)
    target = torch.rand(_BATCH, 3, _SIZE, _SIZE, device=device())
    environment = module.environment
    state = environment.reset(target)
    with torch.no_grad():
        module.actor.eval()
        taken = seconds(lambda: environment.step(state, module.actor(environment.observe(state))))
        module.actor.train()
    yield "environment steps (of one canvas)", f"{_BATCH / taken:,.1f} / s"
    module.rollout(target)
    yield "replay", f"{module.replay.bytes_per_transition / 1e3:,.1f} kB / transition"
    taken = seconds(lambda: module.update(module.replay.sample(_BATCH, device=device())), 3)
    yield "updates (critic, actor, discriminator)", f"{1 / taken:,.2f} / s"
    yield "transitions learned from", f"{_BATCH / taken:,.1f} / s"


def _attach(module: ModelBasedDDPG) -> None:
    """Let Lightning make the optimizers, as in the middle of a run."""
    trainer = pl.Trainer(
        accelerator="auto", devices=1, max_epochs=1, limit_train_batches=0, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, train_dataloaders=[0])
    module.to(device()).train()


def painting() -> Iterator[Row]:
    """Seconds and memory to paint one picture in 200 strokes with an agent."""
    environment = PaintingEnvironment(NeuralRenderer(Bezier(), _SIZE), strokes=200, bundle=5)
    policy = PaintingPolicy(Actor(9, environment.action_dim), environment).to(device())
    target = torch.rand(1, 3, _SIZE, _SIZE, device=device())

    def paint() -> None:
        strokes, _ = policy.paint(target)
        draw(policy.stroke, strokes, _SIZE, _SIZE)

    yield "200 strokes at 128 px, one picture", f"{seconds(paint, 3):,.2f} s"
    yield "most memory of all the above", f"{peak_memory_mb():,.0f} MB"


if __name__ == "__main__":
    main()
