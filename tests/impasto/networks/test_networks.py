"""Actor, critic and discriminator."""

import itertools

import pytest
import torch
from torch import Tensor, nn

from impasto.networks import (
    Actor,
    Critic,
    Discriminator,
    ResNet,
    ZeroCritic,
)
from impasto.networks.layers import TReLU, weight_normed_conv
from tests.impasto.small_networks import SMALL, observation, stir


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


# ---- the papers' sizes


def test_actor_of_the_papers() -> None:
    """ResNet-18 with a 3 x 3 stem: 11.2 M parameters, 554 M multiply-adds at 128 px."""
    actor = Actor(9, 65)
    assert parameters(actor) == pytest.approx(11.2e6, rel=0.005)
    convolutions = [layer for layer in actor.modules() if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == 1 + 2 * 8 + 4  # the stem, eight blocks, four shortcuts
    madds = 0

    def count(layer: nn.Conv2d, _: tuple[Tensor], out: Tensor) -> None:
        nonlocal madds
        madds += out.numel() * layer.weight[0].numel()

    for layer in convolutions:
        layer.register_forward_hook(count)
    with torch.no_grad():
        action = actor.eval()(torch.rand(1, 9, 128, 128))
    assert action.shape == (1, 65)
    assert madds == pytest.approx(554e6, rel=0.05)  # the paper's stem sees fewer planes


def test_critic_and_discriminator_of_the_papers() -> None:
    assert parameters(Critic(9)) == pytest.approx(11.2e6, rel=0.01)
    kinds = {type(layer).__name__ for layer in Critic(9).modules()}
    assert "BatchNorm2d" not in kinds
    assert "TReLU" in kinds
    convolutions = [m for m in Discriminator().modules() if isinstance(m, nn.Conv2d)]
    sizes = [(c.in_channels, c.out_channels, *c.kernel_size, *c.stride) for c in convolutions]
    widths = [6, 16, 32, 64, 128, 1]
    assert sizes == [(a, b, 5, 5, 2, 2) for a, b in itertools.pairwise(widths)]


# ---- no size is hidden in the code


@pytest.mark.parametrize("size", [(16, 16), (32, 32), (48, 48), (32, 48), (20, 36)])
@pytest.mark.parametrize("norm", ["batch", "weight", "group"])
def test_any_canvas(norm: str, size: tuple[int, int]) -> None:
    actor, critic = Actor(9, 26, **SMALL, norm=norm), Critic(9, **SMALL, norm=norm)
    stir(critic)
    action, value = actor(observation(*size)), critic(observation(*size))
    assert action.shape == (2, 26)
    assert 0 < action.min() < action.max() < 1
    assert value.shape == (2,)
    assert value[0] != value[1]


@pytest.mark.parametrize("size", [(16, 16), (32, 48), (128, 128)])
def test_discriminator_on_any_canvas(size: tuple[int, int]) -> None:
    score = Discriminator([4, 8])(torch.rand(3, 3, *size), torch.rand(3, 3, *size))
    assert score.shape == (3,)
    score = Discriminator()(torch.rand(3, 3, *size), torch.rand(3, 3, *size))
    assert score.shape == (3,)
    assert score.unique().numel() == 3


def test_depth_width_and_config() -> None:
    network = ResNet(5, 7, blocks=[1, 3], width=8, norm="group")
    given = {"in_channels": 5, "out_features": 7, "blocks": [1, 3], "width": 8, "norm": "group"}
    assert network.config().items() >= given.items()
    assert network.head.in_features == 16
    assert network.stem[0][0].out_channels == 8
    assert [type(layer).__name__ for layer in network.stages].count("ResidualBlock") == 4
    again = ResNet(**network.config())
    assert [p.shape for p in again.parameters()] == [p.shape for p in network.parameters()]
    with pytest.raises(ValueError, match=r"'instance', not one of batch, group, layer, weight"):
        ResNet(5, 7, norm="instance")


def test_residual_planes_are_what_is_missing() -> None:
    """With `residual`, target minus canvas is seen as three more planes."""
    network = ResNet(9, 2, **SMALL, norm="group", residual=2.0).eval()
    assert network.config()["residual"] == 2.0
    assert network.stem[0][0].in_channels == 12
    seen: list[Tensor] = []
    network.stem.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    state = observation(16, 16)
    network(state)
    assert torch.equal(seen[0][:, :9], state)
    torch.testing.assert_close(seen[0][:, 9:], 2 * (state[:, 3:6] - state[:, 0:3]))


def test_step_features_tell_the_steps_apart() -> None:
    """With `hidden`, the step alone moves the output, each step to another place."""
    torch.manual_seed(0)
    network = Actor(9, 6, **SMALL, norm="group", hidden=32).eval()
    assert network.config()["hidden"] == 32
    state = observation(16, 16)[:1].repeat(8, 1, 1, 1)
    state[:, 6] = (torch.arange(8) / 8).view(8, 1, 1)
    actions = network(state)
    apart = torch.pdist(actions).min().item()
    with torch.no_grad():
        network.step_features.linear.weight.zero_()
    assert apart > 3 * torch.pdist(network(state)).min().item()
    assert apart > 0.01
    again = Actor(**network.config())
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.eval()(state), network(state))


# ---- layers


def test_trelu_is_its_formula() -> None:
    """TReLU(x) = ReLU(x - a) + a, with a learned."""
    layer = TReLU()
    assert torch.equal(layer(torch.tensor([-1.0, 2.0])), torch.tensor([0.0, 2.0]))
    with torch.no_grad():
        layer.threshold.fill_(-0.5)
    x = torch.tensor([-2.0, -0.7, 0.0, 3.0])
    assert torch.equal(layer(x), torch.tensor([-0.5, -0.5, 0.0, 3.0]))
    layer(x).sum().backward()
    assert layer.threshold.grad.tolist() == [2]  # of the two below the threshold


def test_weight_normalization_is_differentiable_twice() -> None:
    """As the gradient penalty needs it."""
    layer = weight_normed_conv(2, 3, 3).double()
    weight = layer.weight.detach().flatten(1)
    scale = layer.parametrizations.weight.original0.detach().flatten()
    torch.testing.assert_close(weight.norm(dim=1), scale)
    x = torch.rand(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    names, values = zip(*layer.named_parameters(), strict=True)

    def penalty(*values: Tensor) -> Tensor:
        out = torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,))
        (gradient,) = torch.autograd.grad(out.square().sum(), x, create_graph=True)
        return gradient.square().sum()

    assert torch.autograd.gradcheck(penalty, values)


def test_discriminator_is_differentiable_twice() -> None:
    network = Discriminator([4, 8])
    canvas = torch.rand(2, 3, 16, 16, requires_grad=True)
    score = network(torch.rand(2, 3, 16, 16), canvas)
    (gradient,) = torch.autograd.grad(score.sum(), canvas, create_graph=True)
    gradient.square().sum().backward()
    reached = [
        name
        for name, p in network.named_parameters()
        if p.grad is not None and p.grad.abs().max() > 0
    ]
    assert len([name for name in reached if "weight" in name]) == 2 * 3  # scale and direction


# ---- critics


def test_critic_starts_at_zero() -> None:
    critic = Critic(9, **SMALL)
    assert critic(observation(16, 16)).eq(0).all()
    critic(observation(16, 16)).sum().backward()
    assert critic.head.weight.grad.abs().max() > 0  # and can leave it


def test_zero_critic_is_zero_and_has_nothing_to_learn() -> None:
    critic = ZeroCritic(9, **SMALL, norm="weight")
    assert critic(observation(16, 16)).tolist() == [0, 0]
    assert not list(critic.parameters())


@pytest.mark.parametrize("residual", [0.0, 4.0])
def test_without_coordinates_their_planes_make_no_difference(residual: float) -> None:
    """The other planes do, a further canvas behind them too (SARA's critic)."""
    seen = observation(16, 16)
    seen = torch.cat([seen, seen[:, :3]], dim=1)
    for coordinates in (True, False):
        torch.manual_seed(0)
        network = ResNet(12, 4, **SMALL, residual=residual, coordinates=coordinates).eval()
        assert network.config()["coordinates"] is coordinates
        assert network.stem[0][0].weight.shape[1] == 12 + 3 * bool(residual) - 2 * (not coordinates)
        for plane in range(12):
            changed = seen.clone()
            changed[:, plane] += 0.5 * torch.rand_like(changed[:, plane])
            same = torch.equal(network(changed), network(seen))
            assert same == (not coordinates and plane in (7, 8)), plane
