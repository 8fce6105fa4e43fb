"""Policy and values: the actor, and the critics of the agents (ICCV 2019, Figures 4 and 14)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from impasto.bounds import Count, Depth, Whole, Width, validated
from impasto.networks.resnet import ResNet
from impasto.runtime.precision import full_precision


class Actor(ResNet):
    """The policy pi(s): an observation to a bundle of strokes, (B, K * D) in [0, 1]."""

    def forward(self, observation: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, K * D) in [0, 1]."""
        return super().forward(observation).sigmoid()


@validated
class Critic(ResNet):
    """The state value V(s): an observation to the expected discounted reward to come, (B,).

    It starts at exactly 0 everywhere: before it has learned anything it must not steer the actor.
    """

    def __init__(
        self,
        in_channels: int,
        blocks: Sequence[Depth] = (2, 2, 2, 2),
        width: Width = 64,
        norm: str = "weight",
        residual: float = 0.0,
        hidden: Whole = 0,
        glance: Whole = 0,
        coordinates: bool = True,
    ) -> None:
        super().__init__(in_channels, 1, blocks, width, norm, residual, hidden, glance, coordinates)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, observation: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B,)."""
        return super().forward(observation).squeeze(1)


class ZeroCritic(nn.Module):
    """Zero critic, V(s) = 0: the actor maximizes its next bundle's reward alone. For ablations.

    Args:
        in_channels: Channels of the observation.
        unused: What another critic would be built from, so that it can stand in for any.
    """

    def __init__(self, in_channels: int, **unused: object) -> None:
        super().__init__()

    def forward(self, observation: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to zeros (B,)."""
        return observation.new_zeros(observation.shape[0])


class TwinCritic(nn.Module):
    """Two critics that share nothing: an observation to (V_1(s), V_2(s)), (B, 2).

    Args:
        first: V_1.
        second: V_2.
    """

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.second = second

    def forward(self, observation: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, 2)."""
        return torch.stack([self.first(observation), self.second(observation)], dim=1)


@validated
class ActionCritic(nn.Module):
    """The action value Q(s, a): an observation and an action to the expected reward, (B,).

    The action joins after the convolutions, before a hidden layer ("actions were not included until
    the 2nd hidden layer of Q", Lillicrap et al., 2016, section 7). It starts at exactly 0.

    Args:
        in_channels: Channels of the observation.
        action_dim: Numbers in an action, K * D.
        features: Numbers that the trunk says about the state.
        action_hidden: Units of the layer that state and action share.
        trunk: Arguments of `ResNet`.
    """

    def __init__(
        self,
        in_channels: int,
        action_dim: int,
        features: Count = 256,
        action_hidden: Count = 512,
        blocks: Sequence[Depth] = (2, 2, 2, 2),
        width: Width = 64,
        norm: str = "weight",
        residual: float = 0.0,
        hidden: Whole = 0,
        glance: Whole = 0,
        coordinates: bool = True,
    ) -> None:
        super().__init__()
        self.trunk = ResNet(
            in_channels, features, blocks, width, norm, residual, hidden, glance, coordinates
        )
        self.joint = nn.Linear(features + action_dim, action_hidden)
        self.head = nn.Linear(action_hidden, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, observation: Tensor, action: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) and (B, K * D) to (B,)."""
        with full_precision(features := self.trunk(observation)):
            joint = torch.relu(self.joint(torch.cat([torch.relu(features), action], dim=1)))
            value: Tensor = self.head(joint)
        return value.squeeze(1)
