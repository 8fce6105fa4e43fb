"""Classifiers of pictures by name: the project's own, ImageNet's, and a user's weights."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from impasto.errors import UserError
from impasto.io.files import read_text
from impasto.networks.features import fixed, read_state
from impasto.networks.pretrained import model_names, pretrained
from impasto.persistence.description import describe
from impasto.persistence.exports import (
    build_part,
    check_config,
    load_weights,
    read_export,
    write_export,
)
from impasto.persistence.model_zoo import FOLDER

OWN = FOLDER / "classifiers"  # of those that come with the project, by name
PART = "classifier"  # the export's folder in a run folder
_KINDS = "a name such as digits or resnet18, MODEL:FILE, or the folder of a trained classifier"


class Classifier(nn.Module):
    """Fixed network that scores the classes of pictures.

    Args:
        name: What it is called in errors and figures.
        network: Normalized pictures (B, 3, n, n) to logits (B, classes).
        classes: Their names.
        size: Pixels on a side of what it looks at, n.
        mean: RGB, taken away from pictures.
        std: RGB, by which they are then divided.
        interpolation: How pictures are resized, `bilinear` or `bicubic`.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        classes: Sequence[str],
        size: int,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        interpolation: str = "bilinear",
    ) -> None:
        super().__init__()
        self.name = name
        self.network = fixed(network.eval())
        self.classes = tuple(classes)
        self.size = size
        self.interpolation = interpolation
        self.register_buffer("mean", torch.tensor(list(mean)).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(list(std)).view(3, 1, 1), persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def train(self, mode: bool = True) -> "Classifier":
        """Stay in evaluation mode."""
        return super().train(False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Map RGB pictures (B, 3, H, W) in [0, 1], of any size, to logits (B, classes)."""
        size = (self.size, self.size)
        if pictures.shape[2:] != size:
            pictures = interpolate(pictures, size, mode=self.interpolation, antialias=True)
        logits: Tensor = self.network((pictures - self.mean) / self.std)
        return logits


def load_classifier(given: str, setting: str = "classifiers") -> Classifier:
    """Load a classifier by what names it, such as ``digits`` or ``resnet18:FILE``.

    Args:
        given: ``digits``, which comes with the project; an exported folder, or the run
            folder that holds one; a model of torchvision, whose weights are downloaded once;
            ``efficientnet_lite0`` or ``efficientnet_lite1`` of the extra `[features]`; or
            ``MODEL:FILE``, with a state dict of such a model, for any number of classes. Their
            names, one a line, are then read from a text file beside it, of the same name but
            ``.txt``; without one they are ImageNet's if there are as many, and numbers otherwise.
        setting: What errors call the argument that names it.

    Raises:
        UserError: There is none, it can't be read or downloaded, or the weights do not fit.
    """
    model, colon, file = given.partition(":")
    models = model_names()
    if colon and model in models:
        return _of_file(given, model, Path(file).expanduser(), setting)
    folder = Path(given).expanduser()
    for place in (folder / PART, folder, OWN / given):
        if given and (place / "config.yaml").is_file():
            return _of_export(given, place)
    if given in models:
        path = pretrained(model).find(_example(setting, model))
        return _with_state(model, model, path, setting)
    near = difflib.get_close_matches(model, [*own_names(), *models], 3)
    todo = f"did you mean {', '.join(near)}?" if near else f"give {_KINDS}"
    raise UserError(f"`{setting}`: there is no classifier {given!r}", todo)


def own_names() -> list[str]:
    """Return the names of the classifiers that come with the project."""
    return sorted(path.parent.name for path in OWN.glob("*/config.yaml"))


def save_classifier(
    folder: Path, network: nn.Module, classes: Sequence[str], size: int, card: str
) -> None:
    """Export a network of this project as a classifier, with checksums; weights in 16 bits.

    Args:
        folder: Where; its parent exists.
        network: RGB pictures (B, 3, size, size) in [0, 1] to logits; it has a `config()`.
        classes: Their names.
        size: Pixels on a side.
        card: The text of its README.md.
    """
    config: dict[str, Any] = {"kind": PART, "classes": list(classes), "size": size}
    config["network"] = describe(network)  # type: ignore[arg-type]
    write_export(folder, config, network.state_dict(), torch.float16, {"README.md": card})


def _of_export(given: str, folder: Path) -> Classifier:
    config, tensors = read_export(folder)
    check_config(config, folder, PART, f"give {_KINDS}")
    network = build_part(config, "network", folder, tensors, nn.Module)
    load_weights(network, tensors, folder)
    return Classifier(_short(given), network, config["classes"], config["size"])


def _of_file(given: str, model: str, path: Path, setting: str) -> Classifier:
    names = path.with_suffix(".txt")
    classes: list[str] | None = None
    if path.exists() and names.exists():
        classes = [line.strip() for line in read_text(names).splitlines()]
        classes = [line for line in classes if line]
    return _with_state(_short(given), model, path, setting, classes)


def _example(setting: str, model: str) -> str:
    """Return how a file of weights is given."""
    given = f"[{model}:FILE]" if setting == "classifiers" else f"{model}:FILE"
    return f"`{setting}={given}`"


def _with_state(
    name: str, model: str, path: Path, setting: str, classes: Sequence[str] | None = None
) -> Classifier:
    """Build a model of ImageNet with a state dict for any number of classes."""
    source, example = pretrained(model), f"give {_example(setting, model)}"
    state = read_state(path, setting, example)
    todo = f"{example} with a state dict of {model}"
    with torch.device("meta"):
        last = list(source.build().state_dict())[-1]
        if last not in state:
            raise UserError(f"{path} lacks {last} of {model}", todo)
        count = len(state[last])
        network: Any = source.build(num_classes=count)
    try:
        network.load_state_dict(dict(state), assign=True)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(f"{path} does not fit {model} ({reason})", todo) from error
    if classes is None:
        named = len(source.classes) == count
        classes = source.classes if named else [str(number) for number in range(count)]
    if len(classes) != count:
        what = f"{path.with_suffix('.txt')} names {len(classes)} classes, and {path} has {count}"
        raise UserError(what, "give one name a line")
    if hasattr(network, "transform_input"):  # undoes what ImageNet's mean and spread do
        network.transform_input = True
    return Classifier(
        name, network, classes, source.size, source.mean, source.std, source.interpolation
    )


def _short(given: str) -> str:
    """Return a classifier's short name: the model of MODEL:FILE, or a folder's last name."""
    model, colon, _ = given.partition(":")
    return model if colon else Path(given).name
