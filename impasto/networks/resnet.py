"""The residual trunk of actor and critic (ICCV 2019, Figures 13 and 14)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from impasto.bounds import Depth, Whole, Width, validated
from impasto.networks.layers import Conv, TReLU, weight_normed_conv
from impasto.rl.environment import CANVAS, COORDINATES, STEP, TARGET
from impasto.runtime.precision import full_precision

_GROUPS = 4

MakeConv = Callable[[int, int, int, int], nn.Module]


def _batch_normed_conv(fan_in: int, fan_out: int, kernel: int, stride: int) -> nn.Module:
    conv = Conv(fan_in, fan_out, kernel, stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(fan_out))


def _layer_normed_conv(fan_in: int, fan_out: int, kernel: int, stride: int) -> nn.Module:
    conv = Conv(fan_in, fan_out, kernel, stride, bias=False)
    return nn.Sequential(conv, nn.GroupNorm(1, fan_out))


def _group_normed_conv(fan_in: int, fan_out: int, kernel: int, stride: int) -> nn.Module:
    conv = Conv(fan_in, fan_out, kernel, stride, bias=False)
    return nn.Sequential(conv, nn.GroupNorm(_GROUPS, fan_out))


# How each normalization convolves, and the nonlinearity that goes with it.
_NORMS: dict[str, tuple[MakeConv, Callable[[], nn.Module]]] = {
    "batch": (_batch_normed_conv, partial(nn.ReLU, inplace=True)),
    "group": (_group_normed_conv, partial(nn.ReLU, inplace=True)),
    "layer": (_layer_normed_conv, partial(nn.ReLU, inplace=True)),
    "weight": (weight_normed_conv, TReLU),
}


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

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
        """Map (B, fan_in, h, w) to (B, fan_out, h / stride, w / stride)."""
        out: Tensor = self.nonlinearity(self.body(x) + self.shortcut(x))
        return out


class StepFeatures(nn.Module):
    """Embedding of the step: sines and cosines through a linear layer, as transformers do.

    The observation's step is a constant plane among nine; a small network hardly tells one step
    from the next by it, and repeats its first bundle. This says it loudly, next to the output.

    Args:
        out_features: Numbers out.
        frequencies: Octaves.
        gain: Factor on the output at the start.
    """

    def __init__(self, out_features: int, frequencies: int = 6, gain: float = 3.0) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * frequencies, out_features)
        with torch.no_grad():
            self.linear.weight.mul_(gain)
        octaves = torch.pi * 2.0 ** torch.arange(frequencies)
        self.register_buffer("octaves", octaves, persistent=False)
        self.octaves: Tensor

    def forward(self, progress: Tensor) -> Tensor:
        """Map t / T (B,) to (B, out_features)."""
        phase = progress[:, None] * self.octaves
        out: Tensor = self.linear(torch.cat([phase.sin(), phase.cos()], dim=1))
        return out


@validated
class ResNet(nn.Module):
    """ResNet for small pictures: stride-2 3 x 3 stem, no max-pool, every stage halves.

    The defaults are the papers' ResNet-18 (He et al., 2016, Table 1). Nothing depends on the
    picture's size: a global average stands before the last layer. `residual` and `hidden` are this
    project's and off by default; they let a small network paint many steps (see docs/recipes.md).

    Args:
        in_channels: Channels of the observation.
        out_features: Numbers out.
        blocks: Residual blocks in each stage; stage i has ``width * 2**i`` channels.
        width: Channels of the stem and of the first stage.
        norm: ``batch`` (batch normalization, ReLU), ``weight`` (weight normalization, TReLU),
            ``group`` (group normalization, ReLU) or ``layer`` (layer normalization, ReLU).
        residual: If not 0, target minus canvas times this is seen as three more planes.
        hidden: If not 0, a layer of so many units before the last, which `StepFeatures` join.
        glance: If not 0, target and missing paint, averaged down to so many squares on a side, join
            the hidden layer too: where which colour is, without a way through all stages.
        coordinates: Whether the first layer sees the planes of coordinates (CoordConv).

    Raises:
        ValueError: An unknown `norm`.
    """

    def __init__(
        self,
        in_channels: int,
        out_features: int,
        blocks: Sequence[Depth] = (2, 2, 2, 2),
        width: Width = 64,
        norm: str = "batch",
        residual: float = 0.0,
        hidden: Whole = 0,
        glance: Whole = 0,
        coordinates: bool = True,
    ) -> None:
        super().__init__()
        if norm not in _NORMS:
            raise ValueError(f"norm is {norm!r}, not one of {', '.join(_NORMS)}")
        self._config = {
            "in_channels": in_channels,
            "out_features": out_features,
            "blocks": list(blocks),
            "width": width,
            "norm": norm,
            "residual": residual,
            "hidden": hidden,
            "glance": glance,
            "coordinates": coordinates,
        }
        conv, nonlinearity = _NORMS[norm]
        self.residual = residual
        self.coordinates = coordinates
        channels = in_channels + (3 if residual else 0) - (0 if coordinates else 2)
        self.stem = nn.Sequential(conv(channels, width, 3, 2), nonlinearity())
        stages: list[nn.Module] = []
        fan_in = width
        for depth, count in enumerate(blocks):
            fan_out = width * 2**depth
            for index in range(count):
                stages.append(ResidualBlock(fan_in, fan_out, 2 if index == 0 else 1, norm))
                fan_in = fan_out
        self.stages = nn.Sequential(*stages)
        self.hidden = nn.Linear(fan_in, hidden) if hidden else None
        self.step_features = StepFeatures(hidden) if hidden else None
        self.glance = nn.Linear(6 * glance**2, hidden) if glance and hidden else None
        self._squares = glance
        self.head = nn.Linear(hidden or fan_in, out_features)

    def config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return dict(self._config)

    def forward(self, observation: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, out_features)."""
        planes = observation.to(next(self.stem.parameters()).dtype)
        if self.residual:
            planes = torch.cat([planes, self._missing(planes)], dim=1)
        if not self.coordinates:
            seen = [planes[:, : COORDINATES.start], planes[:, COORDINATES.stop :]]
            planes = torch.cat(seen, dim=1)
        maps = self.stages(self.stem(planes))
        with full_precision(maps):  # what is said here is finer than the trunk's arithmetic
            features = maps.mean((2, 3), dtype=self.head.weight.dtype)
            if self.hidden is not None and self.step_features is not None:
                progress = observation[:, STEP, 0, 0]
                features = self.hidden(features) + self.step_features(progress)
                if self.glance is not None:
                    both = torch.cat([observation[:, TARGET], self._missing(observation)], 1)
                    squares = adaptive_avg_pool2d(both, self._squares)
                    features = features + self.glance(squares.flatten(1))
                features = torch.relu(features)
            out: Tensor = self.head(features)
        return out

    @property
    def coarse_parts(self) -> tuple[nn.Module, ...]:
        """Layers that may run in bfloat16."""
        return self.stem, self.stages

    def _missing(self, observation: Tensor) -> Tensor:
        """Return the missing paint, (B, 3, H, W): target minus canvas, times `residual`."""
        return self.residual * (observation[:, TARGET] - observation[:, CANVAS])
