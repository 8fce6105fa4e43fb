"""Fast form of a trained policy, for painting and not for learning.

Batch normalization is folded into the convolution before it, what bears bfloat16 is kept in it, and
large convolutions of the last, smallest maps are matrix products. On a CPU the strokes are drawn
exactly, in a tenth of the time that a learned renderer takes for them: what the agent sees is then
what it paints. (An agent that had learned with a renderer of 7 % error painted digits to an L2 of
0.0144 so, and of 0.0143 seeing that renderer's canvas.)
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.utils.parametrize import is_parametrized

from impasto.networks import make_plain
from impasto.renderers import AnalyticRenderer
from impasto.rl.policy import PaintingPolicy
from impasto.runtime.precision import (
    AUTO,
    MIXED,
    Frozen,
    check_compiling,
    check_precision,
    settled_precision,
)

# Of one map of 4 x 4 and 512 channels, a product with its patches as a matrix takes a quarter of
# the time of oneDNN's convolution, most of which goes into the weights' order; of four maps half.
_FEW_PLACES = 64
_MANY_WEIGHTS = 2**19


def fast_form(
    policy: PaintingPolicy,
    device: torch.device | str,
    precision: str = AUTO,
    compiled: bool | str = "auto",
) -> PaintingPolicy:
    """Copy a policy to one that paints as well in less time.

    Args:
        policy: The original, which stays as it is.
        device: Where to paint.
        precision: ``32-true``; ``bf16-mixed``, in which the actor's trunk computes in bfloat16; or
            ``auto``, the faster of them that is right here: see `settled_precision`.
        compiled: Whether the actor is compiled at its first use: a picture then takes a fifth less
            time, the first one up to half a minute more. ``auto`` does not.

    Raises:
        UserError: Another precision, or there is nothing to compile with.
    """
    check_compiling(compiled, device)
    if check_precision(precision) == AUTO:
        precision = settled_precision([(policy.actor, policy.canvas_size)], device)
    environment = copy.copy(policy.environment)
    on_cpu = torch.device(device).type == "cpu"
    environment.renderer = (
        AnalyticRenderer(policy.stroke, policy.canvas_size)
        if on_cpu
        else copy.deepcopy(policy.renderer)
    )
    fast = PaintingPolicy(copy.deepcopy(policy.actor), environment)
    fast.requires_grad_(False).eval().to(device)
    for parent in list(fast.modules()):
        _fold(parent)
    if precision == MIXED:
        for part in getattr(fast.actor, "coarse_parts", ()):  # as the network says itself
            part.to(torch.bfloat16)
    fast.to(memory_format=torch.channels_last)
    if compiled is True:
        fast.actor = Frozen(fast.actor)
    elif on_cpu:
        for parent in list(fast.actor.modules()):
            _multiply(parent)
    return fast


def _fold(module: nn.Module) -> None:
    """Fold the normalizations of a module's children (weight and batch norm) into weights."""
    if is_parametrized(module):
        make_plain(module)
    if isinstance(module, nn.Sequential):
        for index in range(len(module) - 1):
            conv, norm = module[index], module[index + 1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[index], module[index + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()


def _multiply(module: nn.Module) -> None:
    """Replace convolutions among a module's children by matrix products where those are faster."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and child.weight.numel() >= _MANY_WEIGHTS:
            setattr(module, name, _Product(child))


class _Product(nn.Module):
    """Convolution as a matrix product, where its map has few places.

    Args:
        conv: Its weights are shared; with channels last they lie as the product needs them.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        matrix = conv.weight.permute(0, 2, 3, 1).reshape(conv.out_channels, -1)
        bias = torch.zeros_like(matrix[:, 0]) if conv.bias is None else conv.bias
        self.register_buffer("matrix", matrix)
        self.register_buffer("bias", bias[:, None])
        self.matrix: Tensor
        self.bias: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, fan_in, h, w) to (B, fan_out, h / stride, w / stride)."""
        patches = self._patches(x)  # (B, h / stride, w / stride, kernel, kernel, fan_in)
        batch, height, width = patches.shape[:3]
        alone = x.shape[2:] == (1, 1)  # most of the product would be with zeros
        if alone or batch * height * width > _FEW_PLACES:
            out: Tensor = self.conv(x)
            return out
        rows = patches.reshape(batch * height * width, -1)
        product = torch.addmm(self.bias, self.matrix, rows.t())
        return product.view(-1, batch, height, width).transpose(0, 1)

    def _patches(self, x: Tensor) -> Tensor:
        """Return the patches that the kernel sees, (B, H', W', kh, kw, C), as a view."""
        kernel, stride, pad = self.conv.kernel_size[0], self.conv.stride[0], self.conv.padding[0]
        assert isinstance(pad, int)
        padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0, pad, pad, pad, pad))
        patches = padded.unfold(1, kernel, stride).unfold(2, kernel, stride)
        return patches.permute(0, 1, 2, 4, 5, 3)
