"""Where networks compute in bfloat16, and where they do not."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from impasto.errors import UserError
from impasto.networks import ActionCritic, Actor, Critic, Discriminator
from impasto.networks.layers import Conv, weight_normed_conv
from impasto.renderers import NeuralRenderer
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.rewards import WganGpReward
from impasto.runtime.precision import (
    check_precision,
    exact_float32,
    fastest_precision,
    settled_precision,
)
from impasto.strokes import Bezier
from tests.impasto.small_networks import observation, stir

SIZE = 16


def coarsely() -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16)


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({}, "32-true"),
        ({"avx512_f": True, "avx512_bf16": False}, "32-true"),
        ({"avx512_bf16": True}, "bf16-mixed"),
        ({"amx_bf16": True}, "bf16-mixed"),
    ],
)
def test_auto_goes_by_what_the_processor_has(
    features: dict[str, bool], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features, raising=False)
    assert fastest_precision("cpu") == expected
    assert fastest_precision("mps") == "32-true"


def test_agents_paint_in_three_precisions() -> None:
    for word in ("auto", "32-true", "bf16-mixed"):
        assert check_precision(word) == word
    with pytest.raises(UserError, match="'16-mixed'"):
        check_precision("16-mixed")


@pytest.mark.parametrize("hidden", [0, 8])
@pytest.mark.parametrize("norm", ["batch", "weight", "group", "layer"])
def test_trunks_are_coarse_and_heads_are_not(norm: str, hidden: int) -> None:
    more = {"hidden": hidden, "glance": 2 * (hidden > 0), "residual": 1.0 * (hidden > 0)}
    torch.manual_seed(0)
    actor = Actor(9, 6, blocks=[1, 1], width=4, norm=norm, **more)
    stir(actor)
    actor.eval()
    kept: dict[str, Tensor] = {}
    for name in ("stem", "stages", "head"):
        part = getattr(actor, name)
        part.register_forward_hook(lambda *said, name=name: kept.update({name: said[2]}))
    plain = actor(observation(SIZE, SIZE))
    with coarsely():
        action = actor(observation(SIZE, SIZE))
    types = {name: out.dtype for name, out in kept.items()}
    assert types == {
        "stem": torch.bfloat16,
        "stages": torch.bfloat16,
        "head": torch.float32,
    }
    assert action.dtype == torch.float32
    torch.testing.assert_close(action, plain, rtol=0, atol=5e-3)
    assert not torch.equal(action, plain)


def test_values_are_not_rounded() -> None:
    critic, critic_of_actions = Critic(9, [1], 4), ActionCritic(9, 6, 8, 8, [1], 4)
    stir(critic)
    stir(critic_of_actions)
    action = torch.rand(2, 6)
    seen = observation(8, 8)
    for value in (lambda: critic(seen), lambda: critic_of_actions(seen, action)):
        plain = value()
        with coarsely():
            coarse = value()
        assert coarse.dtype == torch.float32
        assert not torch.equal(coarse, coarse.bfloat16().float())
        torch.testing.assert_close(coarse, plain, rtol=2e-2, atol=2e-3)


def test_renderers_rewards_and_penalties_are_as_ever() -> None:
    torch.manual_seed(0)
    environment = PaintingEnvironment(NeuralRenderer(Bezier(), SIZE, [8], 4), 4, 2)
    reward = WganGpReward(Discriminator([4, 4]))
    stir(reward)
    stir(environment.renderer)
    target, action = torch.rand(3, 3, SIZE, SIZE), torch.rand(3, environment.action_dim)

    def painted() -> list[Tensor]:
        state = environment.reset(target)
        following = environment.step(state, action)
        return [following.canvas, reward(state.canvas, following.canvas, target)]

    plain = painted()
    with coarsely():
        assert all(torch.equal(a, b) for a, b in zip(painted(), plain, strict=True))


def test_a_threshold_does_not_widen_a_map() -> None:
    critic = Critic(9, [1], 4)
    widths = []
    for layer in critic.modules():
        if type(layer).__name__ == "TReLU":
            layer.register_forward_hook(lambda *said: widths.append(said[2].dtype))
    with coarsely():
        critic(observation(8, 8))
    assert isinstance(critic.stem, nn.Sequential)
    assert len(widths) == 3
    assert set(widths) == {torch.bfloat16}


@pytest.mark.parametrize("make", [Conv, weight_normed_conv])
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_of_one_pixel_a_kernel_is_its_middle_and_never_rounded(
    make: Callable[..., nn.Conv2d], kernel: int, stride: int
) -> None:
    torch.manual_seed(0)
    conv = make(6, 4, kernel, stride)
    x = torch.randn(5, 6, 1, 1, requires_grad=True)
    learning = [x, *conv.parameters()]
    upstream = torch.randn(5, 4, 1, 1)
    expected = functional.conv2d(x, conv.weight, conv.bias, stride, kernel // 2)
    wanted = [expected, *torch.autograd.grad(expected, learning, upstream)]
    with coarsely():
        out = conv(x)
    assert out.dtype == torch.float32
    found = [out, *torch.autograd.grad(out, learning, upstream)]
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_larger_maps_are_convolved_as_ever() -> None:
    torch.manual_seed(0)
    conv = Conv(6, 4, 3, 2)
    for side in ((2, 2), (1, 3), (8, 8)):
        x = torch.randn(5, 6, *side)
        assert torch.equal(conv(x), functional.conv2d(x, conv.weight, conv.bias, 2, 1))


@pytest.mark.parametrize("norm", ["batch", "weight", "group", "layer"])
def test_no_network_convolves_one_pixel_in_bfloat16(
    norm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 16 px the papers' trunk ends in one pixel."""
    sides: list[int] = []
    real = functional.conv2d

    def watched(x: Tensor, *more: Any) -> Tensor:
        sides.append(x.shape[2])
        return real(x, *more)

    monkeypatch.setattr(functional, "conv2d", watched)
    network = Critic(9, width=4, norm=norm)
    stir(network)
    with coarsely():
        network(observation(SIZE, SIZE)).sum().backward()
    assert set(sides) == {16, 8, 4, 2}
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


class Wrong(torch.autograd.Function):
    """What was there before, where a gradient should be."""

    @staticmethod
    def forward(context: Any, out: Tensor, rubbish: float | None) -> Tensor:
        context.rubbish = rubbish
        return out.clone()

    @staticmethod
    def backward(context: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        if context.rubbish is None:
            return torch.empty_like(upstream[0]), None
        wrong = upstream[0].clone()
        wrong[0] = context.rubbish
        return wrong, None


def broken(forward: float, backward: float | None, stride: int) -> Callable[..., Tensor]:
    """A convolution that is wrong in bfloat16, at one stride; None: a gradient nobody wrote."""
    real = functional.conv2d

    def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, *more: Any) -> Tensor:
        out = real(x, weight, bias, *more)
        if not torch.is_autocast_enabled("cpu") or more[0] != (stride, stride):
            return out
        return Wrong.apply(out + forward, backward)

    return conv2d


@pytest.fixture
def coarse_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    monkeypatch.setattr("impasto.runtime.precision._tried", {})


@pytest.mark.usefixtures("coarse_hardware")
@pytest.mark.parametrize(
    ("forward", "backward"),
    [(torch.nan, 0.0), (9.0, 0.0), (0.0, torch.nan), (0.0, 9.0), (0.0, None)],
)
@pytest.mark.parametrize("stride", [1, 2])
def test_auto_is_float32_where_a_convolution_is_wrong_in_bfloat16(
    forward: float,
    backward: float | None,
    stride: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    network = Actor(9, 6, [1, 1], 4)
    with monkeypatch.context() as patch:
        patch.setattr(functional, "conv2d", broken(forward, backward, stride))
        for _ in range(2):  # it is tried, and said, once
            assert settled_precision([(network, SIZE)], "cpu") == "32-true"
    said = capsys.readouterr().err
    assert said.count("\n") == said.count("precision is 32-true") == 1
    assert f"stride {stride}" in said


@pytest.mark.usefixtures("coarse_hardware")
def test_trials_leave_no_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network = Actor(9, 6, [1, 1], 4)
    network.stages[0].eval()
    state = {name: value.clone() for name, value in network.state_dict().items()}
    modes = [layer.training for layer in network.modules()]
    random = torch.get_rng_state()
    assert settled_precision([(network, SIZE), (network, 2)], "cpu") == "bf16-mixed"
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    assert modes == [layer.training for layer in network.modules()]
    assert all(parameter.grad is None for parameter in network.parameters())
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("impasto.runtime.precision._is_right", None)  # no second trial,
    assert settled_precision([(network, SIZE)], "cpu") == "bf16-mixed"
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)  # and none where there is no need
    assert settled_precision([(network, 64)], "cpu") == "32-true"


@pytest.mark.parametrize("channels", [2, 4, 6, 8])
def test_few_channels_with_a_stride_are_what_they_are_in_float64(channels: int) -> None:
    """oneDNN writes past their end, which may end the process: see `Conv`."""
    conv = Conv(channels, 4, 1, 2).to(memory_format=torch.channels_last)
    x = torch.randn(4, channels, 8, 8).to(memory_format=torch.channels_last).requires_grad_()
    exact = torch.nn.Conv2d(channels, 4, 1, 2).double()
    exact.load_state_dict(conv.state_dict())
    wide = x.detach().double().requires_grad_()
    for _ in range(20):
        found = torch.autograd.grad(conv(x).square().sum(), (x, conv.weight))
    wanted = torch.autograd.grad(exact(wide).square().sum(), (wide, exact.weight))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one.double(), other, atol=1e-5, rtol=1e-5)


@pytest.fixture
def tf32() -> Iterator[None]:
    """Torch's default on CUDA, whatever was set before."""
    torch.backends.cudnn.allow_tf32 = True
    yield
    exact_float32()


@pytest.mark.usefixtures("tf32")
def test_float32_is_that_of_ieee() -> None:
    """In convolutions and LSTMs, too; who asks by the former name is answered, and may choose."""
    kinds = (torch.backends.cudnn.conv, torch.backends.cudnn.rnn, torch.backends.cuda.matmul)
    assert [kind.fp32_precision for kind in kinds[:2]] == ["tf32", "tf32"]
    exact_float32()
    assert {kind.fp32_precision for kind in kinds} <= {"none", "ieee"}
    assert torch.backends.cudnn.allow_tf32 is torch.backends.cuda.matmul.allow_tf32 is False
    assert torch.get_float32_matmul_precision() == "highest"
