"""Batch normalization over the batches of all ranks, also on CPUs."""

import torch
from pytorch_lightning.plugins.layer_sync import LayerSync
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from lightning_modules.collectives import rank_count


class SyncedBatchNorm(nn.BatchNorm2d):
    """Normalizes by mean and variance of all ranks' batches; torch's own needs GPUs.

    All ranks have batches of the same size. The gradient flows through the other ranks, too.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalize maps (B, C, H, W)."""
        count = rank_count()
        if not self.training or count == 1:
            return super().forward(x)
        mean = all_reduce(x.mean((0, 2, 3))) / count  # (C,)
        centered = x - mean[:, None, None]
        variance = all_reduce(centered.square().mean((0, 2, 3))) / count
        self._follow(mean.detach(), variance.detach(), count * x.numel() // x.shape[1])
        scale = self.weight * (variance + self.eps).rsqrt()
        normalized: Tensor = centered * scale[:, None, None] + self.bias[:, None, None]
        return normalized

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, values: int) -> None:
        """Update the running statistics, the variance unbiased."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * values / (values - 1), self.momentum)


class SyncedLayers(LayerSync):
    """Turns `BatchNorm2d` into `SyncedBatchNorm` in place, and back, with all its state."""

    def apply(self, model: nn.Module) -> nn.Module:
        """Synchronize the layers of a module, before training."""
        return _become(model, nn.BatchNorm2d, SyncedBatchNorm)

    def revert(self, model: nn.Module) -> nn.Module:
        """Restore plain layers, after training."""
        return _become(model, SyncedBatchNorm, nn.BatchNorm2d)


def _become(model: nn.Module, of: type[nn.Module], to: type[nn.Module]) -> nn.Module:
    for module in model.modules():
        if type(module) is of:
            module.__class__ = to
    return model
