"""LearningToPaint's networks and random weights in the layout of its files.

Their networks are stated again here, in functions of a state dict, in their own order of numbers:
strokes (row0, column0, row1, column1, row2, column2, radius0, radius2, opacity0, opacity2, B, G, R)
and planes (canvas BGR, target BGR, step, row, column).
"""

import torch
from torch import Tensor
from torch.nn import functional

State = dict[str, Tensor]

SIZE = 128
BGR = [2, 1, 0]


def random(*shape: int, scale: float | None = None) -> Tensor:
    fan_in = max(1, torch.Size(shape[1:]).numel())
    return torch.randn(*shape) * ((2 / fan_in) ** 0.5 if scale is None else scale)


def renderer_state() -> State:
    widths = (10, 512, 1024, 2048, 4096)
    convs = ((16, 32), (32, 32), (8, 16), (16, 16), (4, 8), (8, 4))
    state: State = {}
    for number in range(4):
        state[f"fc{number + 1}.weight"] = random(widths[number + 1], widths[number])
        state[f"fc{number + 1}.bias"] = random(widths[number + 1], scale=0.1)
    for number, (fan_in, fan_out) in enumerate(convs, start=1):
        state[f"conv{number}.weight"] = random(fan_out, fan_in, 3, 3)
        state[f"conv{number}.bias"] = random(fan_out, scale=0.1)
    return state


def actor_state(bundle: int = 5) -> State:
    state: State = {}

    def add(conv: str, norm: str, fan_in: int, fan_out: int, kernel: int) -> None:
        state[f"{conv}.weight"] = random(fan_out, fan_in, kernel, kernel)
        state[f"{norm}.weight"] = 1 + random(fan_out, scale=0.2)
        state[f"{norm}.bias"] = random(fan_out, scale=0.2)
        state[f"{norm}.running_mean"] = random(fan_out, scale=0.2)
        state[f"{norm}.running_var"] = 0.5 + torch.rand(fan_out)
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    add("conv1", "bn1", 9, 64, 3)
    fan_in = 64
    for stage, width in enumerate((64, 128, 256, 512), start=1):
        for block in range(2):
            name = f"layer{stage}.{block}"
            add(f"{name}.conv1", f"{name}.bn1", fan_in, width, 3)
            add(f"{name}.conv2", f"{name}.bn2", width, width, 3)
            if block == 0:
                add(f"{name}.shortcut.0", f"{name}.shortcut.1", fan_in, width, 1)
            fan_in = width
    state["fc.weight"] = random(13 * bundle, 512, scale=0.005)
    state["fc.bias"] = random(13 * bundle, scale=1.0)
    return state


def their_renderer(state: State, shape: Tensor) -> Tensor:
    """Their numbers (N, 10) to 1 - alpha, (N, 128, 128)."""
    x = shape
    for number in range(1, 5):
        x = functional.linear(x, state[f"fc{number}.weight"], state[f"fc{number}.bias"]).relu()
    x = x.reshape(-1, 16, 16, 16)
    for number in (1, 3, 5):
        for which in (number, number + 1):
            x = functional.conv2d(x, state[f"conv{which}.weight"], state[f"conv{which}.bias"], 1, 1)
            x = x.relu() if which == number else functional.pixel_shuffle(x, 2)
    return 1 - x.sigmoid().reshape(-1, SIZE, SIZE)


def their_actor(state: State, planes: Tensor) -> Tensor:
    """Their planes (B, 9, 128, 128) to their strokes (B, K * 13)."""

    def normed(x: Tensor, conv: str, norm: str, stride: int) -> Tensor:
        weight = state[f"{conv}.weight"]
        x = functional.conv2d(x, weight, None, stride, weight.shape[-1] // 2)
        parts = (state[f"{norm}.{part}"] for part in ("running_mean", "running_var"))
        return functional.batch_norm(x, *parts, state[f"{norm}.weight"], state[f"{norm}.bias"])

    x = normed(planes, "conv1", "bn1", 2).relu()
    for stage in range(1, 5):
        for block in range(2):
            name, stride = f"layer{stage}.{block}", 2 - block
            inner = normed(x, f"{name}.conv1", f"{name}.bn1", stride).relu()
            inner = normed(inner, f"{name}.conv2", f"{name}.bn2", 1)
            if block == 0:
                x = normed(x, f"{name}.shortcut.0", f"{name}.shortcut.1", stride)
            x = (x + inner).relu()
    return functional.linear(x.mean((2, 3)), state["fc.weight"], state["fc.bias"]).sigmoid()


def their_painting(
    renderer: State, actor: State, target: Tensor, steps: int, canvas: Tensor | None = None
) -> Tensor:
    """The canvas (B, 3, 128, 128) in BGR of a target in BGR, from a blank one on or another."""
    ramp = torch.arange(SIZE) / (SIZE - 1)
    row = ramp[:, None].expand(len(target), 1, SIZE, SIZE)
    column = ramp[None, :].expand(len(target), 1, SIZE, SIZE)
    canvas = torch.zeros_like(target) if canvas is None else canvas
    for step in range(steps):
        progress = torch.full_like(row, step / steps)
        strokes = their_actor(actor, torch.cat([canvas, target, progress, row, column], dim=1))
        for stroke in strokes.unflatten(1, (-1, 13)).unbind(1):
            alpha = 1 - their_renderer(renderer, stroke[:, :10])[:, None]
            canvas = canvas * (1 - alpha) + alpha * stroke[:, 10:, None, None]
    return canvas
