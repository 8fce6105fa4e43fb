"""The task `train_classifier`: a small classifier, to be asked by `task=visualize`."""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge
from torch import Tensor
from tqdm import tqdm

from datamodules import ImageDataModule
from impasto.bounds import Seed, validated
from impasto.canvas import to_float
from impasto.errors import UserError
from impasto.networks.classifiers import PART, load_classifier, save_classifier
from impasto.networks.small_classifier import SmallClassifier
from impasto.visualizing import Lesson

_BATCH = 512


@validated
def train_classifier(
    datamodule: ImageDataModule,
    lesson: Lesson,
    folder: str | Path,
    width: Annotated[int, Ge(4)] = 16,
    device: torch.device | str = "cpu",
    seed: Seed = 0,
) -> dict[str, object]:
    """Train a classifier on a labelled data set.

    Written: the exported folder `classifier/`, with a card of how it was made and what it can read.

    Args:
        datamodule: The data set.
        lesson: How it is taught.
        folder: The run folder.
        width: Maps of its first convolution.
        device: Where.
        seed: Fixes the result.

    Returns:
        `accuracy` on the test split's pictures that have a label (shown with a margin, as in
        training), as it is loaded again, in 16 bits, left out if there is none; `images`, their
        number, and `updates`.

    Raises:
        UserError: The set has no labels with names, or one only.
    """
    datamodule.prepare_data()
    datamodule.setup()
    classes = datamodule.classes
    if classes is None or datamodule.labels("train") is None:
        raise UserError(f"data={datamodule.name} has no classes", "choose another, as data=digits")
    images, labels = _labelled(datamodule, "train")
    if len(labels.unique()) < 2:
        names = ", ".join(classes[int(label)] for label in labels.unique())
        raise UserError(
            f"data={datamodule.name} has {f'one class only, {names}' if names else 'no labels'}",
            f"give at least two classes: {datamodule.layout}",
        )
    torch.manual_seed(seed)  # of the first weights
    network = SmallClassifier(len(classes), width).to(device)
    with tqdm(total=lesson.steps, unit="step", desc="classifier", dynamic_ncols=True) as bar:

        def progress(loss: float) -> None:
            bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
            bar.update()

        lesson.teach(network, images, labels, torch.Generator().manual_seed(seed), progress)
    place = Path(folder) / PART
    place.parent.mkdir(parents=True, exist_ok=True)
    save_classifier(place, network, classes, datamodule.canvas_size, "")
    shown, wanted = _labelled(datamodule, "test")
    accuracy = _accuracy(place, lesson, shown, wanted) if len(wanted) else None
    card = _card(datamodule, lesson, network, accuracy, len(wanted))
    save_classifier(place, network, classes, datamodule.canvas_size, card)
    measured = {} if accuracy is None else {"accuracy": accuracy}
    return {"updates": lesson.steps, **measured, "images": len(wanted)}


def _labelled(datamodule: ImageDataModule, split: str) -> tuple[Tensor, Tensor]:
    """Pictures (N, 3, n, n) uint8 and labels (N,) of a split, those of it that have a label."""
    labels = datamodule.labels(split)
    assert labels is not None
    rows = np.flatnonzero(labels >= 0)
    if not len(rows):
        return torch.empty(0), torch.empty(0, dtype=torch.int64)
    batch = datamodule.images(split).__getitems__(rows)
    return batch["target"], batch["label"]


@torch.no_grad()
def _accuracy(place: Path, lesson: Lesson, images: Tensor, labels: Tensor) -> float:
    """Share of pictures that the exported classifier takes for what they are."""
    classifier = load_classifier(str(place))
    right = 0
    for some, wanted in zip(images.split(_BATCH), labels.split(_BATCH), strict=True):
        right += int((classifier(lesson.framed(to_float(some))).argmax(1) == wanted).sum())
    return right / len(images)


def _card(
    datamodule: ImageDataModule,
    lesson: Lesson,
    network: SmallClassifier,
    accuracy: float | None,
    count: int,
) -> str:
    """Text of README.md: data, training and accuracy."""
    size, numbers = datamodule.canvas_size, sum(p.numel() for p in network.parameters())
    accuracy_text = "None: no test picture has a label."
    if accuracy is not None:
        accuracy_text = (
            f"It takes {accuracy:.1%} of the {count:,} test pictures, which it never saw, for what "
            "they are."
        )
    terms = f": {datamodule.terms}" if datamodule.terms else ""
    return f"""# A classifier of `data={datamodule.name}`

`classifiers=[…]` of task=visualize takes it. It sees {size} x {size} grey pixels. {numbers:,}
parameters, stored with 16 bits each; SHA256SUMS is verified when they are loaded.

## Data

`data={datamodule.name}`{terms}

## Made by

```console
python run.py task=train_classifier data={datamodule.name} canvas.size={size}
```

{lesson.steps:,} steps of {lesson.batch_size} pictures and half as many of random strokes, changed
against it by up to {lesson.attack:g} (root of the sum of squares over pixels).

## Figures

{accuracy_text}

## Licence

{datamodule.licence}
"""
