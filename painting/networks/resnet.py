"""The residual trunk of actor and critic (ICCV 2019, Figures 13 and 14)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from painting.networks.layers import TReLU, weight_normed_conv

_GROUPS = 4

Conv = Callable[[int, int, int, int], nn.Module]


def _batch_normed_conv(fan_in: int, fan_out: int, kernel: int, stride: int) -> nn.Module:
    conv = nn.Conv2d(fan_in, fan_out, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(fan_out))


def _group_normed_conv(fan_in: int, fan_out: int, kernel: int, stride: int) -> nn.Module:
    conv = nn.Conv2d(fan_in, fan_out, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.GroupNorm(_GROUPS, fan_out))


# How each normalization convolves, and the nonlinearity that goes with it.
_NORMS: dict[str, tuple[Conv, Callable[[], nn.Module]]] = {
    "batch": (_batch_normed_conv, partial(nn.ReLU, inplace=True)),
    "group": (_group_normed_conv, partial(nn.ReLU, inplace=True)),
    "weight": (weight_normed_conv, TReLU),
}


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut: (fan_in, h, w) to (fan_out, h / stride, w / stride)."""

    def __init__(self, fan_in: int, fan_out: int, stride: int, norm: str) -> None:
        super().__init__()
        conv, nonlinearity = _NORMS[norm]
        self.body = nn.Sequential(
            conv(fan_in, fan_out, 3, stride), nonlinearity(), conv(fan_out, fan_out, 3, 1)
        )
        same = stride == 1 and fan_in == fan_out
        self.shortcut = nn.Identity() if same else conv(fan_in, fan_out, 1, stride)
        self.nonlinearity = nonlinearity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, fan_in, h, w) to (B, fan_out, h / stride, w / stride)."""
        out: Tensor = self.nonlinearity(self.body(x) + self.shortcut(x))
        return out


class ResNet(nn.Module):
    """ResNet for small pictures: stride-2 3 x 3 stem, no max-pool, every stage halves.

    The defaults are the papers' ResNet-18 (He et al., 2016, Table 1). Nothing depends on the
    picture's size: a global average stands before the last layer.

    Args:
        in_channels: Channels of the observation.
        out_features: Numbers out.
        blocks: Residual blocks in each stage; stage i has ``width * 2**i`` channels.
        width: Channels of the stem and of the first stage.
        norm: ``batch`` (batch normalization, ReLU), ``weight`` (weight normalization, TReLU) or
            ``group`` (group normalization, ReLU).

    Raises:
        ValueError: An unknown `norm`.
    """

    def __init__(
        self, in_channels: int, out_features: int, blocks: Sequence[int] = (2, 2, 2, 2),
        width: int = 64, norm: str = "batch",
    ) -> None:  # fmt: skip
        super().__init__()
        if norm not in _NORMS:
            raise ValueError(f"norm is {norm!r}, not one of {', '.join(_NORMS)}")
        self._config = {
            "in_channels": in_channels, "out_features": out_features, "blocks": list(blocks),
            "width": width, "norm": norm,
        }  # fmt: skip
        conv, nonlinearity = _NORMS[norm]
        self.stem = nn.Sequential(conv(in_channels, width, 3, 2), nonlinearity())
        stages: list[nn.Module] = []
        fan_in = width
        for depth, count in enumerate(blocks):
            fan_out = width * 2**depth
            for index in range(count):
                stages.append(ResidualBlock(fan_in, fan_out, 2 if index == 0 else 1, norm))
                fan_in = fan_out
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(fan_in, out_features)

    def config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return dict(self._config)

    def forward(self, observation: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, out_features)."""
        features = self.stages(self.stem(observation))
        out: Tensor = self.head(features.mean((2, 3)))
        return out


class Actor(ResNet):
    """The policy pi(s): an observation to a bundle of strokes, (B, K * D) in [0, 1]."""

    def forward(self, observation: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, K * D) in [0, 1]."""
        return super().forward(observation).sigmoid()


class Critic(ResNet):
    """The state value V(s): an observation to the expected discounted reward to come, (B,).

    It starts at exactly 0 everywhere: before it has learned anything it must not steer the actor.
    """

    def __init__(
        self, in_channels: int, blocks: Sequence[int] = (2, 2, 2, 2), width: int = 64,
        norm: str = "weight",
    ) -> None:  # fmt: skip
        super().__init__(in_channels, 1, blocks, width, norm)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, observation: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B,)."""
        return super().forward(observation).squeeze(1)


class ZeroCritic(nn.Module):
    """V(s) = 0: the actor then maximizes the reward of its next bundle alone. For ablations.

    Args:
        in_channels: Channels of the observation.
        unused: What another critic would be built from, so that it can stand in for any.
    """

    def __init__(self, in_channels: int, **unused: object) -> None:
        super().__init__()

    def forward(self, observation: Tensor) -> Tensor:
        """(B, in_channels, H, W) to zeros (B,)."""
        return observation.new_zeros(observation.shape[0])
