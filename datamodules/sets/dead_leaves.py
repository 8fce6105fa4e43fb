"""Dead-leaves pictures: shapes that occlude each other, as things do in photographs.

The "dead leaves" model (Ruderman, 1997; Lee, Mumford and Huang, 2001, "Occlusion models for natural
images"): opaque shapes of power-law sizes on top of each other have edges, flat parts and a
spectrum like natural images. Networks learn to see by such pictures (Baradad et al., 2021,
"Learning to see by looking at noise").
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

Image = NDArray[np.float32]

_SMALLEST, _LARGEST = 0.02, 0.7  # radii of leaves, in picture sides
_CUBE = 3.0  # density of radii falls as r^-3: with it the picture looks alike at every scale
_HUES = (0.03, 0.09, 0.27, 0.58)  # turns: skin and brick, earth, leaves, sky
_GREY = 0.12  # share of grey pictures
_FROM_PHOTOGRAPHS = 0.5  # of the textures
_NOISE_SIDE = 64  # pixels of a noise texture


@dataclass(frozen=True)
class Leaf:
    """One shape of a dead-leaves picture; lengths are fractions of the picture's side.

    Attributes:
        center: x and y.
        radius: Half its length.
        aspect: Its width by its length.
        angle: Radians.
        corners: Of a polygon; 0 is round, 1 a bar.
        lobes: Amplitude and phase of 2, 3, … waves around its outline, (W, 2).
        softness: Width of its edge.
    """

    center: tuple[float, float]
    radius: float
    aspect: float
    angle: float
    corners: int
    lobes: NDArray[np.float64]
    softness: float


def draw_scene(
    generator: np.random.Generator, size: int, textures: Sequence[Image]
) -> NDArray[np.uint8]:
    """Draw one picture.

    Args:
        generator: All that it depends on.
        size: Pixels on a side.
        textures: Grey pictures in [0, 1], parts of which may be put on leaves.

    Returns:
        (size, size, 3) uint8.
    """
    palette = draw_palette(generator)
    picture = np.empty((size, size, 3), np.float32)
    rows = cols = slice(0, size)
    picture[:] = _filling(generator, palette, textures, size, (rows, cols), 0.9)
    count = round(np.exp(generator.uniform(np.log(8), np.log(250))))
    for leaf in draw_leaves(generator, count):
        _composite_leaf(picture, leaf, generator, palette, textures)
    return _photographed(picture, generator)


def draw_palette(generator: np.random.Generator) -> NDArray[np.float64]:
    """Four to nine colours that go together, (N, 3) in [0, 1].

    Their hues lie around one to three, rather those of earth, leaves and sky, and most are pale or
    dark, as in a photograph: bright paint is rare in one.
    """
    count = int(generator.integers(4, 9, endpoint=True))
    several = int(generator.integers(1, 3, endpoint=True))
    natural = generator.choice(_HUES, several) + generator.normal(0, 0.05, several)
    hues = np.where(generator.random(several) < 0.6, natural, generator.uniform(0, 1, several))
    hue = generator.choice(hues, count) + generator.normal(0, 0.06, count)
    saturation = generator.beta(1.3, generator.uniform(1.2, 4), count)
    dark, light = generator.uniform(0.7, 2.2, 2)
    value = generator.beta(dark, light, count)
    value[generator.integers(count)] = generator.uniform(0, 0.3)
    value[generator.integers(count)] = generator.uniform(0.6, 1)
    waves = np.cos(2 * np.pi * (hue[:, None] - np.array([0, 1, 2]) / 3)) * 0.5 + 0.5
    palette: NDArray[np.float64] = value[:, None] * (1 - saturation[:, None] * (1 - waves))
    return palette


def draw_leaves(generator: np.random.Generator, count: int) -> list[Leaf]:
    """Draw random leaves, roughly the large ones first, so that small ones are seen too."""
    low, high = _SMALLEST ** (1 - _CUBE), _LARGEST ** (1 - _CUBE)
    radii = generator.uniform(high, low, count) ** (1 / (1 - _CUBE))
    large = generator.uniform(0.1, _LARGEST, max(3, count // 8))
    radii[: len(large)] = large[:count]
    disorder = generator.uniform(0.2, 1.5)
    radii = radii[np.argsort(-np.log(radii) + generator.normal(0, disorder, count))]
    kinds = generator.dirichlet([1.0, 0.7, 0.7])  # round, bars, polygons: a picture has its own mix
    blur = generator.choice([0.0, 0.02, 0.1], p=[0.55, 0.3, 0.15])
    return [_leaf(generator, float(radius), kinds, blur) for radius in radii]


def _leaf(
    generator: np.random.Generator, radius: float, kinds: NDArray[np.float64], blur: float
) -> Leaf:
    kind = generator.choice(3, p=kinds)
    bar = kind == 1
    waves = generator.integers(0, 4)
    amplitude = generator.normal(0, 0.25, waves) / np.arange(1, waves + 1)
    return Leaf(
        center=(generator.uniform(-0.1, 1.1), generator.uniform(-0.1, 1.1)),
        radius=radius * (1.5 if bar else 1.0),
        aspect=float(generator.uniform(0.04, 0.3) if bar else generator.uniform(0.3, 1)),
        angle=generator.uniform(0, np.pi),
        corners=(0, 1, int(generator.integers(3, 6, endpoint=True)))[kind],
        lobes=np.stack([amplitude, generator.uniform(0, 2 * np.pi, waves)], axis=1),
        softness=blur * radius * generator.uniform(0, 2),
    )


def _composite_leaf(
    picture: Image,
    leaf: Leaf,
    generator: np.random.Generator,
    palette: NDArray[np.float64],
    textures: Sequence[Image],
) -> None:
    """Composite one leaf over the picture, in the box that it touches."""
    size = len(picture)
    reach = leaf.radius * 1.6 + leaf.softness + 1 / size
    box = []
    for middle in (leaf.center[1], leaf.center[0]):
        first = max(0, int((middle - reach) * size))
        box.append(slice(first, min(size, int((middle + reach) * size) + 1)))
    if any(part.stop <= part.start for part in box):
        return
    rows, cols = box
    alpha = coverage(leaf, size, rows, cols)
    filling = _filling(generator, palette, textures, size, (rows, cols), leaf.radius)
    part = picture[rows, cols]
    if generator.random() < 0.15:  # something that lets light through, or a shadow
        alpha *= generator.uniform(0.3, 0.9)
    part += alpha[..., None] * (filling - part)


def coverage(leaf: Leaf, size: int, rows: slice, cols: slice) -> Image:
    """Return the share of each pixel that a leaf covers, (rows, columns) in [0, 1]."""
    y = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) / size - leaf.center[1]
    x = (np.arange(cols.start, cols.stop, dtype=np.float32) + 0.5) / size - leaf.center[0]
    cos, sin = np.float32(np.cos(leaf.angle)), np.float32(np.sin(leaf.angle))
    along = x * cos + y[:, None] * sin
    across = (y[:, None] * cos - x * sin) / np.float32(leaf.aspect)
    if leaf.corners == 1:
        distance = np.maximum(np.abs(along), np.abs(across))
    else:
        distance = np.hypot(along, across)
        turn = np.arctan2(across, along)
        if leaf.corners > 2:
            sector = np.float32(np.pi / leaf.corners)
            distance = distance * np.cos(np.mod(turn, 2 * sector) - sector) / np.cos(sector)
        outline = np.ones_like(distance)
        for wave, (amplitude, phase) in enumerate(leaf.lobes, start=2):
            outline += np.float32(amplitude) * np.cos(wave * turn + np.float32(phase))
        distance = distance / np.clip(outline, 0.3, 1.6)
    # Across its width a narrow leaf's edge would be too soft by its aspect.
    edge = max(leaf.softness, 1 / size) / np.sqrt(leaf.aspect)
    return np.clip((leaf.radius - distance) / np.float32(edge) + 0.5, 0, 1).astype(np.float32)


def _filling(
    generator: np.random.Generator,
    palette: NDArray[np.float64],
    textures: Sequence[Image],
    size: int,
    box: tuple[slice, slice],
    radius: float,
) -> Image:
    """Return a leaf's colours (h, w, 3): a gradient between two of the palette, and a texture."""
    rows, cols = box
    first, second = palette[generator.integers(len(palette), size=2)]
    first = np.clip(first + generator.normal(0, 0.04, 3), 0, 1)
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] / size
    x = np.arange(cols.start, cols.stop, dtype=np.float32) / size
    angle, phase = generator.uniform(0, 2 * np.pi, 2)
    slope = generator.uniform(0, 0.8) / max(radius, 0.05)
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * slope + phase) * 0.5 + 0.5
    mixed = np.float32(generator.beta(0.6, 1.2)) * wave.astype(np.float32)
    filling = first + mixed[..., None] * (second - first)
    if generator.random() < 0.75:
        strength = generator.uniform(0.05, 0.5) * generator.random()
        texture = _texture(generator, textures, mixed.shape)
        shade = (texture - texture.mean())[..., None] * strength / (texture.std() + 0.05)
        # Texture is shading on most things, and another colour on some.
        filling = filling + shade * (filling + 0.1 if generator.random() < 0.7 else second - first)
    result: Image = filling.astype(np.float32)
    return result


def _texture(
    generator: np.random.Generator, textures: Sequence[Image], shape: tuple[int, ...]
) -> Image:
    """Draw a grey texture (h, w): part of a photograph, or noise of a power-law spectrum."""
    if textures and generator.random() < _FROM_PHOTOGRAPHS:
        source = textures[int(generator.integers(len(textures)))]
        side = int(generator.uniform(0.15, 1) * min(source.shape))
    else:
        source = power_noise(generator, _NOISE_SIDE, generator.uniform(0.5, 2))
        side = _NOISE_SIDE
    top, left = (generator.integers(length - side, endpoint=True) for length in source.shape)
    part = source[top : top + side, left : left + side]
    step = max(1, side // (2 * max(shape)))  # far more pixels than are seen would be of no use
    part = part[::step, ::step]
    # One of the same scale both ways, cut to the shape.
    scale = max(shape) / min(part.shape)
    grown: Image = zoom(part, scale, order=1, grid_mode=True, mode="nearest")
    return grown[: shape[0], : shape[1]]


def power_noise(generator: np.random.Generator, side: int, power: float) -> Image:
    """Draw noise whose amplitude falls as frequency^-power, (side, side), mean 0, deviation 1."""
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = 1
    phases = np.exp(2j * np.pi * generator.random(frequency.shape))
    spectrum = phases * frequency**-power
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, (side, side))
    scaled: Image = (noise / noise.std()).astype(np.float32)
    return scaled


def _photographed(picture: Image, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Imitate a camera: light from one side, contrast, blur and some noise; (n, n, 3) uint8."""
    size = len(picture)
    if generator.random() < 0.5:
        light = power_noise(generator, size, 2.0) * generator.uniform(0, 0.25)
        picture = picture * np.exp(light)[..., None]
    if generator.random() < _GREY:
        picture = np.repeat(picture @ np.array([0.299, 0.587, 0.114], np.float32)[:, None], 3, 2)
    blur = generator.uniform(0, 0.8)
    picture = gaussian_filter(picture, (blur, blur, 0))
    picture = np.clip(picture, 0, 1) ** generator.uniform(0.7, 1.6)
    noisy = picture + generator.normal(0, generator.uniform(0, 0.015), picture.shape)
    return np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)
