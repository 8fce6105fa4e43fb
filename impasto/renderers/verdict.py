"""Quality of a renderer: its error, its structure and its texture, on fresh strokes."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.renderers.base import Renderer
from impasto.runtime.precision import full_precision

# A renderer above this share of the mean image's error has not learned to draw.
TRAINED_BELOW = 0.1
_CHUNK = 256  # strokes drawn at a time
_NEXT_TO_NOTHING = 1e-12  # of the spectrum's mean: of what is less, no logarithm is taken


@dataclass(frozen=True)
class Verdict:
    """Quality of a renderer on fresh strokes.

    Attributes:
        mse: Mean squared error of its alpha against the exact one.
        mean_image: The same of the mean picture of those strokes: what a renderer reaches that has
            learned nothing about its input.
        noise: What of both is of random numbers that a kind draws with, and none can know: half of
            the mean squared difference of the same strokes drawn twice.
        ssim: Mean structural similarity of its alpha and the exact one, 1 at best.
        spectral: `spectral_distance` of its strokes from exact ones: whether they have the same
            texture, wherever its details lie. 0 at best.
    """

    mse: float
    mean_image: float
    noise: float = 0.0
    ssim: float = float("nan")
    spectral: float = float("nan")

    @property
    def ratio(self) -> float:
        """Share of the mean image's error, of both without the noise; infinite if that leaves none.

        There is nothing to learn, then: one stroke alone, or a brush that leaves no paint.
        """
        return (self.mse - self.noise) / self._learnable if self._learnable > 0 else math.inf

    @property
    def trained(self) -> bool:
        """Return True if the renderer draws its strokes at all.

        One that draws with texture, as a program does, is as far from the program's strokes as a
        second drawing of it would be, by twice the noise; that is not held against it, as long as
        it is nearer than the mean image.
        """
        if self._learnable <= 0:
            return False
        granted = TRAINED_BELOW + self.noise / self._learnable
        return self.ratio <= granted and self.mse < self.mean_image

    @property
    def _learnable(self) -> float:
        """Mean square of what the shape determines of the strokes."""
        return self.mean_image - self.noise


class Spectrum:
    """Mean power spectrum of pictures, by wavelength.

    Args:
        size: Pixels on a side, n.
        device: Where to sum.
    """

    def __init__(self, size: int, device: torch.device) -> None:
        waves = torch.fft.fftfreq(size, 1 / size, device=device)  # waves on a side
        radius = torch.hypot(waves[:, None], waves[None, :]).round().long()
        self._ring = radius.clamp_max(size // 2 + 1).flatten()  # the last one holds the corners
        self._power = torch.zeros(size // 2 + 2, dtype=_widest(device), device=device)

    def add(self, alpha: Tensor) -> None:
        """Add the spectra of pictures (N, 1, n, n)."""
        power = torch.fft.fft2(alpha[:, 0].to(self._power)).abs().square().sum(0)
        self._power.index_add_(0, self._ring, power.flatten())

    @property
    def rings(self) -> Tensor:
        """Return the power (n / 2,) of 1 to n / 2 waves on a side, up to a factor for each."""
        return self._power[1:-1]


def spectral_distance(drawn: Spectrum, exact: Spectrum) -> float:
    """Return the mean over wavelengths of |log P(drawn) - log P(exact)|, P the mean power.

    Of a picture that has been smoothed, short waves are missing, wherever they were; a second
    drawing of a program's strokes has them, with its details elsewhere.
    """
    here, there = (
        spectrum.rings.clamp_min(_NEXT_TO_NOTHING * exact.rings.mean())
        for spectrum in (drawn, exact)
    )
    return float((here.log() - there.log()).abs().mean())


def _widest(device: torch.device) -> torch.dtype:
    """Return the type to sum in on a device: float64, which MPS lacks."""
    return torch.float32 if device.type == "mps" else torch.float64


@torch.no_grad()
def judge(renderer: Renderer, count: int = 2048, seed: int = 0) -> Verdict:
    """Measure a renderer on fresh strokes.

    Args:
        renderer: On any device; its mode is not changed.
        count: Strokes.
        seed: Of the strokes.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim_of

    device = next(iter(renderer.parameters()), torch.zeros(0)).device
    size, stroke = renderer.canvas_size, renderer.stroke
    shapes = stroke.sample(count, torch.Generator().manual_seed(seed)).to(device)
    wide = _widest(device)
    mean = torch.zeros(1, 1, size, size, device=device, dtype=wide)
    spectra = Spectrum(size, device), Spectrum(size, device)
    sums = torch.zeros(4, dtype=torch.float64)  # squares, errors, noise, structural similarity
    for shape in shapes.split(_CHUNK):
        exact = stroke.rasterize(shape, size, size)
        with full_precision(exact):
            drawn = renderer(shape)
        for spectrum, alpha in zip(spectra, (drawn, exact), strict=True):
            spectrum.add(alpha)
        mean += exact.sum(0, dtype=wide) / count
        again = stroke.reseeded().rasterize(shape, size, size) if stroke.random else exact
        parts = [exact, drawn - exact, again - exact]
        similar = ssim_of(drawn, exact, data_range=1.0, reduction="none")
        assert isinstance(similar, Tensor)
        squares = [part.square().sum(dtype=wide) for part in parts]
        sums += torch.stack([*squares, similar.sum(dtype=wide)]).cpu()
    pixels = count * size * size
    square, error, noise, similar_sum = sums.tolist()
    return Verdict(
        mse=error / pixels,
        mean_image=square / pixels - mean.square().mean().item(),
        noise=noise / pixels / 2,
        ssim=similar_sum / count,
        spectral=spectral_distance(*spectra),
    )
