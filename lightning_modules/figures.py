"""Metrics on their way from the device to the host."""

from collections.abc import Mapping

import torch
from torch import Tensor

# No loss of a run that learns is near this: scores that have grown so far never come back, and the
# run would only waste its hours until they overflow.
_EXPLODED = 1e6


class Figures:
    """Metrics of one update, as numbers of the host, in one transfer.

    On CUDA they are copied to pinned memory behind all that is queued, and nothing waits for that:
    `read` does, if it is called before the device has come so far.

    Args:
        update: Number of the update, counted from 1.
        metrics: Scalars, detached.

    Attributes:
        arrived: Whether they can be read without waiting for what is queued.
    """

    def __init__(self, update: int, metrics: Mapping[str, Tensor]) -> None:
        self.update = update
        self._names = list(metrics)
        self._values = _together(metrics)
        self._event: torch.cuda.Event | None = None
        self.arrived = self._values.device.type != "cuda"
        if not self.arrived:
            there = torch.empty_like(self._values, device="cpu", pin_memory=True)
            self._values = there.copy_(self._values, non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record()

    def read(self) -> dict[str, float]:
        """Return the numbers by name."""
        if self._event is not None:
            self._event.synchronize()
        return dict(zip(self._names, self._values.tolist(), strict=True))


def divergence(figures: Mapping[str, float], update: int) -> str | None:
    """Say what is wrong with an update's metrics; None if all of them are below a million."""
    if all(abs(value) < _EXPLODED for value in figures.values()):  # NaN is not, either
        return None
    finite = all(abs(value) < float("inf") for value in figures.values())
    what = "explodes" if finite else "is not finite"
    listed = ", ".join(f"{name} {value:g}" for name, value in figures.items())
    return f"a loss {what} at update {update}: {listed}"


def to_floats(metrics: Mapping[str, Tensor]) -> dict[str, float]:
    """Convert scalars to numbers, in one transfer."""
    return dict(zip(metrics, _together(metrics).tolist(), strict=True))


def _together(metrics: Mapping[str, Tensor]) -> Tensor:
    """Return scalars as one tensor (N,), where the newest of them lies."""
    if not metrics:
        return torch.empty(0)
    device = list(metrics.values())[-1].device  # what a checkpoint kept comes back on the host
    return torch.stack([value.detach().to(device) for value in metrics.values()])
