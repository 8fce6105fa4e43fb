"""Discriminators: normalization, attention, and target networks of both."""

import copy

import pytest
import torch
from torch import Tensor, nn

from impasto.errors import UserError
from impasto.networks import Discriminator, PairEmbedding, frozen_copy, polyak_update
from impasto.networks.layers import SelfAttention, spectral_normed_conv
from impasto.rl.rewards import gradient_penalty


def pair(size: int = 32, count: int = 2) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(count, 3, size, size, generator=generator) for _ in range(2)]


def stir(network: nn.Module) -> None:
    """Other weights, as after steps of an optimizer; power iterations stay behind."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.2)


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


def vectors(network: nn.Module) -> list[Tensor]:
    """The power iterations' singular vectors."""
    found = [b.clone() for name, b in network.named_buffers() if name.endswith(("_u", "_v"))]
    assert found
    return found


# ---- the network


def test_the_papers_network_keeps_its_names() -> None:
    """Checkpoints of older versions load."""
    names = []
    for layer in (0, 2, 4, 6, 8):
        weight = f"layers.{layer}.parametrizations.weight.original"
        names += [f"layers.{layer}.bias", f"{weight}0", f"{weight}1"]
        names += [f"layers.{layer + 1}.threshold"] if layer < 8 else []
    assert list(Discriminator().state_dict()) == names


def test_a_discriminator_is_an_embedding_of_one_number() -> None:
    network, embedding = Discriminator([4]), PairEmbedding([4], outputs=1)
    embedding.load_state_dict(network.state_dict())
    assert torch.equal(network(*pair()), embedding(*pair())[:, 0])
    assert PairEmbedding([4], outputs=7)(*pair()).shape == (2, 7)


def test_wrong_arguments() -> None:
    with pytest.raises(UserError, match="norm is 'batch' — give weight or spectral"):
        Discriminator(norm="batch")
    with pytest.raises(UserError, match=r"attention is \[3\] — .* from 1 to 2"):
        Discriminator([4, 8], attention=[3])
    with pytest.raises(UserError, match=r"`attention` is \[0\] — .* whole numbers, at least 1"):
        Discriminator([4, 8], attention=[0])


# ---- spectral normalization


def test_the_largest_singular_value_is_one() -> None:
    torch.manual_seed(0)
    layer = spectral_normed_conv(3, 8, 5, 2)
    with torch.no_grad():
        layer.parametrizations.weight.original.mul_(7)
    for _ in range(200):
        layer(torch.rand(1, 3, 8, 8))
    matrix = layer.eval().weight.flatten(1)
    assert torch.linalg.matrix_norm(matrix, 2).item() == pytest.approx(1, abs=1e-4)
    original = layer.parametrizations.weight.original.flatten(1)
    torch.testing.assert_close(matrix, original / torch.linalg.matrix_norm(original, 2))


def test_all_layers_are_normalized_or_none() -> None:
    spectral = Discriminator([8, 8], norm="spectral", attention=[2])
    assert len(convolutions(spectral)) == 3 + 4
    assert len(vectors(spectral)) == 2 * len(convolutions(spectral))
    assert not list(Discriminator([8, 8], attention=[2]).buffers())


def test_power_iteration_moves_in_training_mode_only() -> None:
    network = Discriminator([4], norm="spectral")
    stir(network)
    before = vectors(network)
    network.eval()(*pair())
    assert all(map(torch.equal, vectors(network), before))
    network.train()(*pair())
    assert not all(map(torch.equal, vectors(network), before))


# ---- self-attention


def test_attention_is_its_equations() -> None:
    """SAGAN, Eq. 1 to 3, place by place."""
    torch.manual_seed(0)
    layer = SelfAttention(16, nn.Conv2d).double()
    x = torch.randn(1, 16, 2, 3, dtype=torch.float64)
    assert torch.equal(layer(x), x)  # gamma starts at 0
    assert [conv.out_channels for conv in (layer.f, layer.g, layer.h, layer.v)] == [2, 2, 8, 16]
    with torch.no_grad():
        layer.gamma.fill_(0.5)
    f, g, h = (conv(x)[0].flatten(1) for conv in (layer.f, layer.g, layer.h))  # (C, 6)
    expected = torch.zeros(1, 16, 6, dtype=torch.float64)
    for j in range(6):
        exponentials = [(f[:, i] @ g[:, j]).exp() for i in range(6)]
        attended = sum(exponentials[i] / sum(exponentials) * h[:, i] for i in range(6))
        expected[0, :, j] = layer.v(attended.view(1, 8, 1, 1)).flatten()
    torch.testing.assert_close(layer(x), 0.5 * expected.view_as(x) + x)


def test_attention_stands_where_asked() -> None:
    network = Discriminator([4, 8, 16], attention=[1, 3])
    kinds = [type(layer).__name__ for layer in network.layers]
    assert [n for n, kind in enumerate(kinds) if kind == "SelfAttention"] == [2, 7]
    assert [network.layers[n].v.out_channels for n in (2, 7)] == [4, 16]


def test_a_gradient_penalty_reaches_attention() -> None:
    network = Discriminator([8, 8], attention=[1])
    with torch.no_grad():
        network.layers[2].gamma.fill_(1.0)
    gradient_penalty(network, *pair()).backward()
    for conv in (network.layers[2].f, network.layers[2].g, network.layers[2].h):
        assert conv.parametrizations.weight.original1.grad.abs().max() > 0


# ---- target networks


@pytest.fixture
def spectral() -> Discriminator:
    torch.manual_seed(0)
    return Discriminator([8, 8], norm="spectral", attention=[1])


def test_a_target_network_has_the_weights_that_act(spectral: Discriminator) -> None:
    slow = frozen_copy(spectral)
    assert not list(slow.buffers())
    assert not any(parameter.requires_grad for parameter in slow.parameters())
    assert torch.equal(slow(*pair()), spectral.eval()(*pair()))
    again = copy.deepcopy(spectral).train()  # what it was made of still works
    again(*pair()).sum().backward()
    assert not all(map(torch.equal, vectors(again), vectors(spectral)))


def test_with_tau_1_the_copy_is_the_network(spectral: Discriminator) -> None:
    slow = frozen_copy(spectral)
    stir(spectral)
    spectral.train()(*pair())
    before = vectors(spectral)
    polyak_update(slow, spectral, 1.0)
    assert all(map(torch.equal, vectors(spectral), before))  # asking moved nothing
    assert spectral.training
    assert all(module.training for module in spectral.modules())
    assert torch.equal(slow(*pair()), spectral.eval()(*pair()))


def test_acting_weights_are_averaged(spectral: Discriminator) -> None:
    slow = frozen_copy(spectral)
    spectral.eval()
    old = [conv.weight.detach().clone() for conv in convolutions(spectral)]
    stir(spectral)
    polyak_update(slow, spectral, 0.25)
    for conv, slow_conv, before in zip(
        convolutions(spectral), convolutions(slow), old, strict=True
    ):
        expected = 0.75 * before + 0.25 * conv.weight
        torch.testing.assert_close(slow_conv.weight, expected, rtol=1e-5, atol=1e-6)


def test_a_layer_alone_can_be_averaged_too() -> None:
    layer = spectral_normed_conv(2, 2, 1)
    slow = frozen_copy(layer)
    stir(layer)
    polyak_update(slow, layer, 1.0)
    assert torch.equal(slow.weight, layer.eval().weight)


def test_other_structures_are_refused() -> None:
    with pytest.raises(ValueError, match="Discriminator has other tensors than its slow copy"):
        polyak_update(frozen_copy(Discriminator([4])), Discriminator([4, 4]), 0.5)


def test_figure_11_ends_in_a_trelu() -> None:
    torch.manual_seed(0)
    plain, whole = Discriminator(), Discriminator(last_trelu=True)
    plain.layers[8].bias.data.fill_(0.25)  # where the threshold is
    whole.load_state_dict(plain.state_dict() | {"layers.9.threshold": torch.tensor([0.25])})
    target, canvas = torch.rand(2, 3, 3, 64, 64)
    maps = plain.layers(torch.cat([target, canvas], dim=1))
    assert maps.min() < 0.25 < maps.max()
    torch.testing.assert_close(whole(target, canvas), maps.clamp_min(0.25).mean((1, 2, 3)))
