"""Where networks compute in bfloat16, and where they do not."""

import pytest
import torch
from torch import Tensor, nn

from painting.environment import PaintingEnvironment
from painting.errors import UserError
from painting.networks import ActionCritic, Actor, Critic, Discriminator
from painting.precision import check_precision, fastest_precision
from painting.renderers import NeuralRenderer
from painting.rewards import WganGpReward
from painting.strokes import Bezier
from tests.painting.small_networks import observation, stir

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
        "stem": torch.bfloat16, "stages": torch.bfloat16, "head": torch.float32,
    }  # fmt: skip
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
