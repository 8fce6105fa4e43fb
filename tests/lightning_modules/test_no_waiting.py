"""What a GPU would choke on, found without one: waiting for it, mixed devices, many launches."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from impasto.networks import LstmActor, StrokeCritic, StrokeEncoder
from impasto.renderers import GanRenderer, NeuralRenderer, VaeRenderer
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.replay import PrioritizedReplay
from impasto.runtime import constants
from impasto.strokes import Circle, Stroke
from impasto.strokes.raster import pen, pen_triton, pen_triton_loops
from impasto.strokes.raster.frame import Windows
from lightning_modules import (
    DDPG,
    TD3,
    GanRendererModule,
    LstmAdversarial,
    ModelBasedDDPG,
    OffPolicyAgent,
    PatchQ,
    RendererModule,
    Sara,
    ShortHorizon,
    UpdateModule,
    VaeRendererModule,
)
from tests.dispatched import Dispatched
from tests.impasto.strokes.kinds import KINDS
from tests.lightning_modules.conftest import (
    BATCH,
    BUNDLE,
    SIZE,
    MemoryData,
    make_agent_of,
    make_renderer_module,
    make_trainer,
)

OFF_POLICY = [ModelBasedDDPG, TD3, DDPG, PatchQ, Sara, ShortHorizon]


def through_a_network(kind: type[OffPolicyAgent], **more: Any) -> UpdateModule:
    """An agent that paints through a learned renderer, with limits and colours of a palette."""
    stroke = Circle(max_width=0.5, palette=[[0, 0, 0], [1, 1, 1]])
    renderer = NeuralRenderer(stroke, SIZE, [16], 8)
    return make_agent_of(
        kind, environment=PaintingEnvironment(renderer, 5, BUNDLE, (0.5, 0.5, 0.5)), **more
    )


def adversarial() -> UpdateModule:
    network = {"features": 8, "units": 6, "blocks": [1, 1], "width": 4}
    return through_a_network(
        LstmAdversarial,  # type: ignore[type-abstract,arg-type]
        actor=partial(LstmActor, bundle=BUNDLE, **network),
    )


def renderer_module(kind: type[RendererModule], renderer: Any, **more: Any) -> RendererModule:
    optimizer = partial(torch.optim.Adam, lr=1e-3)
    return kind(renderer, updates=9, batch_size=8, optimizer=optimizer, **more)


MAKERS: dict[str, Callable[[], UpdateModule]] = {
    **{kind.__name__: partial(through_a_network, kind) for kind in OFF_POLICY},
    "prioritized": lambda: through_a_network(ModelBasedDDPG, replay=PrioritizedReplay(6)),
    "LstmAdversarial": adversarial,
    "RendererModule": make_renderer_module,
    "GanRendererModule": lambda: renderer_module(
        GanRendererModule,
        GanRenderer(Circle(), SIZE, [8], 2),
        critic=partial(StrokeCritic, channels=2),
        critic_updates=2,
        pixel_weight=1.0,
    ),
    "VaeRendererModule": lambda: renderer_module(
        VaeRendererModule,
        VaeRenderer(Circle(), SIZE, 3, [8], 2),
        encoder=partial(StrokeEncoder, channels=2),
        vae_updates=7,
    ),
}
every_module = pytest.mark.parametrize("name", MAKERS)


class Watched(pl.Callback):
    """Watches whole training steps, from the third on: what is made once is made by then."""

    def __init__(self) -> None:
        self.steps: list[Dispatched] = []
        self._mode: Dispatched | None = None

    def on_train_batch_start(self, trainer: pl.Trainer, module: UpdateModule, *_: Any) -> None:  # type: ignore[override]
        if module.update_count >= 2:
            self._mode = Dispatched()
            self._mode.__enter__()

    def on_train_batch_end(self, *_: Any) -> None:
        if self._mode is not None:
            self._mode.__exit__(None, None, None)
            self.steps.append(self._mode)
            self._mode = None


@every_module
def test_a_training_step_waits_for_no_device(name: str, tmp_path: Path) -> None:
    """Rollouts, losses, backward passes, optimizers, averages, metrics."""
    module, watched = MAKERS[name](), Watched()
    data = None if isinstance(module, RendererModule) else MemoryData()
    make_trainer(tmp_path, [watched], limit_train_batches=7, limit_val_batches=0).fit(module, data)
    assert len(watched.steps) == 5  # of which one has a rollout, every fourth
    assert not [wait for step in watched.steps for wait in step.waits]


class HostGenerator(torch.Generator):
    """Stands for a generator of CUDA, which needs a driver."""

    device = torch.device("cuda:0")

    def __new__(cls, device: object = None) -> "HostGenerator":
        return super().__new__(cls)


class OneFakeMode(FakeTensorMode):
    """Stays one where a target network is copied."""

    def __deepcopy__(self, memo: object) -> "OneFakeMode":
        return self


class NoKernel:
    """Stands for a kernel of Triton: it leaves what it would fill as it is."""

    def __getitem__(self, grid: object) -> Callable[..., None]:
        return lambda *args, **more: None


@pytest.fixture
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tensors on CUDA that have no numbers; nothing is differentiated, as that needs a driver."""

    def no_gradients(of: Tensor, by: Sequence[Tensor], **more: object) -> list[Tensor]:
        return [torch.zeros_like(one) for one in by]

    constants._constant.cache_clear()
    monkeypatch.setattr(torch, "Generator", HostGenerator)
    monkeypatch.setattr(torch.autograd, "grad", no_gradients)
    monkeypatch.setattr(torch.cuda, "device_of", lambda tensor: nullcontext())
    monkeypatch.setattr(torch.backends.cudnn, "enabled", False)  # an LSTM would ask the driver
    monkeypatch.setattr(pen, "kernel_of", lambda device: pen_triton)
    for name in ("draw", "differentiate", "touch"):
        monkeypatch.setattr(pen_triton_loops, name, NoKernel())
    monkeypatch.setattr(UpdateModule, "descend", lambda self, name, loss: None)
    monkeypatch.setattr(UpdateModule, "optimizer_of", lambda self, name: None)
    monkeypatch.setattr(UpdateModule, "toggled_optimizer", lambda self, one: nullcontext())
    with OneFakeMode(allow_non_fake_inputs=True):  # of the host, which then must not be mixed in
        yield
    constants._constant.cache_clear()


@every_module
@pytest.mark.usefixtures("fake_cuda")
def test_on_a_gpu_nothing_of_the_host_is_mixed_in(name: str) -> None:
    with torch.device("cuda"):
        module = MAKERS[name]()
    module._device = torch.device("cuda:0")
    module.update_count = 1  # TD3's actor is due
    module.train()
    forward(module)  # what is made once
    with Dispatched() as seen:
        losses = forward(module)
    assert {loss.device.type for loss in losses} == {"cuda"}
    assert not seen.waits


def forward(module: UpdateModule) -> list[Tensor]:
    """What an update computes of targets on the device, and a rollout before."""
    if isinstance(module, RendererModule):
        losses = [module.loss(0)[0]]
        if isinstance(module, GanRendererModule):
            losses += [*module.update_critic(1).values(), *module.update_renderer(2).values()]
        return losses + ([module.loss(8)[0]] if isinstance(module, VaeRendererModule) else [])
    target = torch.rand(BATCH, 3, SIZE, SIZE, device="cuda")
    if isinstance(module, OffPolicyAgent):
        module.rollout(target)
        return list(module.make_update(()).values())
    assert isinstance(module, LstmAdversarial)
    return list(module.update(module.environment.reset(target)).values())


@pytest.mark.parametrize("stroke", KINDS, ids=lambda kind: kind.name)
@pytest.mark.usefixtures("fake_cuda")
def test_strokes_of_every_kind_copy_nothing_from_the_host(stroke: Stroke) -> None:
    """Sampled, limited, bounded and drawn, whole and in windows."""
    made: list[Dispatched] = []
    for _ in range(2):
        with Dispatched() as seen:
            free = torch.rand(6, stroke.dim, device="cuda")
            shape = stroke.limit(free)[:, : stroke.shape_dim].requires_grad_()
            outlines = stroke.outlines(shape, 32, 32)
            corner = torch.zeros(6, 2, dtype=torch.long, device="cuda")
            outlines.bounds()
            assert outlines.draw(Windows(8, 8, None, corner)).device.type == "cuda"
            assert stroke.rasterize(shape, 32, 32).device.type == "cuda"
        made.append(seen)
    assert not made[1].waits
