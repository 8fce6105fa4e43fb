"""The fast form of modules that learn: the same updates."""

import copy
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from impasto.errors import UserError
from impasto.renderers import NeuralRenderer
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.initial_states import ContinuedStart
from impasto.strokes import Circle
from lightning_modules import (
    TD3,
    AtomicCheckpointIO,
    AutoPrecision,
    ModelBasedDDPG,
    PatchQ,
)
from lightning_modules.acceleration import quicken
from lightning_modules.optimizers import fused
from tests.lightning_modules.conftest import (
    BATCH,
    BUNDLE,
    SIZE,
    STROKES,
    MemoryData,
    attached,
    make_agent,
    make_agent_of,
    make_renderer_module,
    make_trainer,
    pictures,
)
from tests.lightning_modules.examples import transition

CPU = torch.device("cpu")


def compiled(agent: ModelBasedDDPG) -> list[str]:
    found = agent.named_modules()
    return [name for name, module in found if getattr(module, "_compiled_call_impl", None)]


def test_optimizers_step_in_one_kernel_where_they_can() -> None:
    weights = [torch.nn.Parameter(torch.ones(2))]
    adam = partial(torch.optim.Adam, lr=1e-3)
    assert fused(adam)(iter(weights)).defaults["fused"] is True
    assert fused(torch.optim.SGD)(iter(weights)).defaults["fused"] is True
    asked = partial(torch.optim.Adam, foreach=True)
    assert fused(asked) is asked
    refused = partial(torch.optim.Adam, fused=False)
    assert fused(refused) is refused
    assert fused(torch.optim.RMSprop) is torch.optim.RMSprop


def test_agents_have_such_optimizers(agent: ModelBasedDDPG) -> None:
    for name in agent.networks_that_learn:
        assert agent.optimizer_of(name).optimizer.defaults["fused"] is True


def test_channels_come_last_and_nothing_else_changes(agent: ModelBasedDDPG) -> None:
    before = copy.deepcopy(agent.state_dict())
    quicken(agent, CPU, False)
    assert agent.actor.stages[0].body[0][0].weight.is_contiguous(memory_format=torch.channels_last)
    normed = agent.critic.stages[0].body[0].parametrizations.weight.original1
    assert normed.is_contiguous()
    after = agent.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())


@pytest.mark.parametrize(
    ("device", "order"), [("cpu", torch.contiguous_format), ("cuda", torch.channels_last)]
)
def test_large_convolutions_see_contiguous_maps_on_a_cpu(
    agent: ModelBasedDDPG,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    order: torch.memory_format,
) -> None:
    largest = max(agent.actor.modules(), key=_weights)
    first = agent.actor.stem[0][0]
    monkeypatch.setattr("lightning_modules.acceleration._MANY_WEIGHTS", _weights(largest))
    quicken(agent, torch.device(device), False)
    seen: dict[nn.Module, Tensor] = {}
    for conv in (first, largest):
        conv.register_forward_hook(lambda conv, inputs, out: seen.update({conv: inputs[0]}))
    agent.actor(torch.rand(2, 9, SIZE, SIZE))
    assert seen[first].is_contiguous(memory_format=torch.channels_last)
    assert seen[largest].is_contiguous(memory_format=order)
    assert largest.weight.is_contiguous(memory_format=order)


def _weights(layer: nn.Module) -> int:
    return layer.weight.numel() if isinstance(layer, nn.Conv2d) else 0


def test_short_runs_and_cpus_are_not_compiled_by_themselves(
    agent: ModelBasedDDPG, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.updates = 100_000
    quicken(agent, CPU, "auto")
    agent.updates = 1999
    quicken(agent, torch.device("cuda"), "auto")
    assert compiled(agent) == []


def test_what_is_compiled(agent: ModelBasedDDPG, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    quicken(agent, CPU, True)
    # Not the renderer, which is no network here, and not the discriminator.
    assert compiled(agent) == ["actor", "critic", "target_actor", "target_critic"]
    with_network = make_agent(
        environment=PaintingEnvironment(NeuralRenderer(Circle(), SIZE, [8], 4), STROKES, BUNDLE)
    )
    assert with_network.renderer in with_network.compilable


def test_what_is_compiled_is_whole_and_seldom_compiled_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No graph breaks, and few forms: of rollouts, of starts with ever other counts, of updates."""
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager", fullgraph=True))
    world = PaintingEnvironment(NeuralRenderer(Circle(), SIZE, [8], 4), STROKES, BUNDLE)
    agent = attached(make_agent(environment=world, start=ContinuedStart()))
    quicken(agent, CPU, True)
    most = {"fail_on_recompile_limit_hit": True, "recompile_limit": 4}
    with torch._dynamo.config.patch(most):
        for seed in range(3):
            agent.rollout(pictures(seed, BATCH) / 255)
            agent.update(transition(agent))


def test_without_a_compiler_auto_says_so_and_true_refuses(
    agent: ModelBasedDDPG, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    agent.updates = 100_000
    quicken(agent, torch.device("cuda"), "auto")
    assert "not compiled, for want of" in capsys.readouterr().err
    with pytest.raises(UserError, match="`compiled=true` needs a C"):
        quicken(agent, CPU, True)
    with pytest.raises(UserError, match="`compiled` is 'maybe'"):
        quicken(agent, CPU, "maybe")
    assert compiled(agent) == []


def updated(agent: ModelBasedDDPG, precision: str = "32-true") -> dict[str, Tensor]:
    agent.generator.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
        return agent.update(transition(agent))


def test_an_update_in_bfloat16_is_near_one_in_float32() -> None:
    """Losses to 2 %, gradients within 10 degrees."""
    plain, mixed = attached(make_agent()), attached(make_agent())
    figures, coarse = updated(plain), updated(mixed, "bf16-mixed")
    assert figures.keys() == coarse.keys()
    for name, value in figures.items():
        assert coarse[name].dtype == torch.float32
        torch.testing.assert_close(coarse[name], value, rtol=0.02, atol=2e-3)
    for part in ("actor", "critic", "reward.discriminator"):
        one, other = (
            torch.cat([p.grad.flatten() for p in agent.get_submodule(part).parameters()])
            for agent in (plain, mixed)
        )
        assert torch.cosine_similarity(one, other, dim=0) > 0.985, part


def test_no_update_goes_by_the_weights_of_before() -> None:
    """A training step makes several updates within one context, which keeps weights in bfloat16."""
    in_one, in_several = attached(make_agent()), attached(make_agent())
    batch = transition(in_one)
    with torch.autocast("cpu", torch.bfloat16):
        for _ in range(3):
            in_one.update(batch)
    for _ in range(3):
        with torch.autocast("cpu", torch.bfloat16):
            in_several.update(batch)
    expected = in_several.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in in_one.state_dict().items())


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("c++"), reason="there is no compiler")
def test_a_compiled_update_is_the_plain_one() -> None:
    plain, quick = attached(make_agent()), attached(make_agent())
    quicken(quick, CPU, True)
    for _ in range(2):
        figures, found = updated(plain), updated(quick)
        for name, value in figures.items():
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-5)
    assert plain.state_dict().keys() == quick.state_dict().keys()


@pytest.fixture
def coarse_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    monkeypatch.setattr("impasto.runtime.precision._tried", {})


def learned(folder: Path, **trainer: Any) -> tuple[str, dict[str, Tensor]]:
    """The precision in which an agent learned, and what it became."""
    agent = make_agent(updates=2)
    run = make_trainer(folder, **trainer)
    run.fit(agent, MemoryData())
    return str(run.precision), agent.state_dict()


@pytest.mark.usefixtures("coarse_hardware")
@pytest.mark.parametrize(("right", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_learns_in_what_proves_right_and_the_trial_changes_nothing(
    right: bool, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = learned(tmp_path, precision=expected)
    if not right:
        monkeypatch.setattr("impasto.runtime.precision._is_right", lambda *case: False)
    found = learned(tmp_path, plugins=[AtomicCheckpointIO(), AutoPrecision("cpu")])
    assert found[0] == wanted[0] == expected
    assert all(torch.equal(value, wanted[1][name]) for name, value in found[1].items())


@pytest.mark.usefixtures("coarse_hardware")
@pytest.mark.parametrize("kind", [ModelBasedDDPG, TD3, PatchQ])
def test_what_is_tried_is_what_an_update_convolves_in_bfloat16(
    kind: type[ModelBasedDDPG], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: set[tuple[Any, ...]] = set()
    used: set[tuple[Any, ...]] = set()
    real = nn.Conv2d._conv_forward

    def form(conv: nn.Conv2d, x: Tensor) -> tuple[Any, ...]:
        return tuple(conv.weight.shape), conv.stride, tuple(x.shape[1:]), conv.bias is not None

    def watched(conv: nn.Conv2d, x: Tensor, *more: Any) -> Tensor:
        if torch.is_autocast_enabled("cpu"):
            used.add(form(conv, x))
        return real(conv, x, *more)

    def noted(conv: nn.Conv2d, x: Tensor, device: str) -> bool:
        tried.add(form(conv, x))
        return True

    more = {"patches": 2} if kind is PatchQ else {}
    agent = attached(make_agent_of(kind, **more))
    monkeypatch.setattr("impasto.runtime.precision._is_right", noted)
    AutoPrecision("cpu").convert_module(agent)
    monkeypatch.setattr(nn.Conv2d, "_conv_forward", watched)
    updated(agent, "bf16-mixed")
    assert used
    assert used <= tried


@pytest.mark.usefixtures("coarse_hardware")
def test_where_nothing_bears_bfloat16_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.runtime.precision._is_right", None)
    AutoPrecision("cpu").convert_module(make_renderer_module())
