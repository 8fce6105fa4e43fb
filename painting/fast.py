"""The fast form of a trained policy: the same function, for painting and not for learning.

Batch normalization is folded into the convolution before it, what bears bfloat16 is kept in it, and
large convolutions of the last, smallest maps are matrix products.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.utils.parametrize import is_parametrized

from painting.networks import make_plain
from painting.policy import PaintingPolicy
from painting.precision import AUTO, MIXED, check_precision, fastest_precision

# Of one map of 4 x 4, a product with its patches as a matrix takes a quarter of the time that
# oneDNN's convolution does, most of which goes into the order of so many weights. Of four maps the
# convolution is faster.
_FEW_PLACES = 16
_MANY_WEIGHTS = 2**20


def fast_form(
    policy: PaintingPolicy, device: torch.device | str, precision: str = AUTO
) -> PaintingPolicy:
    """A copy of a policy that paints the same, but for rounding, in less time.

    Args:
        policy: The original, which stays as it is.
        device: Where to paint.
        precision: ``32-true``; ``bf16-mixed``, in which the actor's trunk and a learned renderer
            compute in bfloat16 (by which the renderer's own error grows by a five-hundredth); or
            ``auto``, the faster of them.

    Raises:
        UserError: Another precision.
    """
    if check_precision(precision) == AUTO:
        precision = fastest_precision(device)
    environment = copy.copy(policy.environment)
    environment.renderer = copy.deepcopy(policy.renderer)
    fast = PaintingPolicy(copy.deepcopy(policy.actor), environment)
    fast.requires_grad_(False).eval().to(device)
    for parent in list(fast.modules()):
        _fold(parent)
    if precision == MIXED:
        for part in (*_coarse(fast.actor), *_coarse(fast.renderer)):
            part.to(torch.bfloat16)
    fast.to(memory_format=torch.channels_last)
    if torch.device(device).type == "cpu":
        for parent in list(fast.actor.modules()):
            _multiply(parent)
    return fast


def _coarse(network: nn.Module) -> tuple[nn.Module, ...]:
    """The parts of a network that bear bfloat16, as it says itself."""
    return getattr(network, "coarse_parts", ())


def _fold(module: nn.Module) -> None:
    """Fold what a module's children normalize: weights for ever, batches by their averages."""
    if is_parametrized(module):
        make_plain(module)
    if isinstance(module, nn.Sequential):
        for index in range(len(module) - 1):
            conv, norm = module[index], module[index + 1]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[index], module[index + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()


def _multiply(module: nn.Module) -> None:
    """Make matrix products of a module's children where that may be faster."""
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and child.weight.numel() >= _MANY_WEIGHTS:
            setattr(module, name, _Product(child))


class _Product(nn.Module):
    """A convolution that is done as a matrix product where there are few places to do it at."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        self.register_buffer("matrix", conv.weight.reshape(1, conv.out_channels, -1).contiguous())
        self.matrix: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """(B, fan_in, h, w) to (B, fan_out, h / stride, w / stride)."""
        conv, stride, padding = self.conv, self.conv.stride[0], int(self.conv.padding[0])
        reach = 2 * padding - conv.kernel_size[0]
        sides = [(side + reach) // stride + 1 for side in x.shape[2:]]
        if len(x) * sides[0] * sides[1] > _FEW_PLACES:
            out: Tensor = conv(x)
            return out
        patches = functional.unfold(x, conv.kernel_size, 1, padding, stride)
        product: Tensor = torch.bmm(self.matrix.expand(len(x), -1, -1), patches).unflatten(2, sides)
        return product if conv.bias is None else product + conv.bias[:, None, None]
