"""The task `train_classifier`."""

from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules import Digits
from impasto.errors import UserError
from impasto.networks.classifiers import load_classifier
from impasto.networks.small_classifier import SmallClassifier
from impasto.strokes import Bezier
from impasto.tasks.train_classifier import train_classifier
from impasto.visualizing import Lesson
from impasto.visualizing.classifier_training import _attacked, _targets

SIZE = 16


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    cache = str(tmp_path_factory.mktemp("data"))
    return Digits(canvas_size=SIZE, batch_size=8, cache=cache, test_limit=50)


def test_it_learns_and_is_exported(digits: Digits, tmp_path: Path) -> None:
    result = train_classifier(
        digits, Lesson(Bezier(), steps=80, batch_size=32, attack=0.2), tmp_path, width=8
    )
    assert result["updates"] == 80
    assert result["images"] == 50
    accuracy = result["accuracy"]
    assert isinstance(accuracy, float)
    assert accuracy > 0.5  # 0.1 by chance
    classifier = load_classifier(str(tmp_path))
    assert classifier.classes == tuple("0123456789")
    assert classifier.size == SIZE
    card = (tmp_path / "classifier" / "README.md").read_text()
    assert f"{accuracy:.1%} of the 50 test pictures" in card


def test_the_same_seed_teaches_the_same(digits: Digits, tmp_path: Path) -> None:
    lesson = Lesson(Bezier(), steps=2, batch_size=8)
    for name in "ab":
        train_classifier(digits, lesson, tmp_path / name, width=4, seed=3)
    files = [tmp_path / name / "classifier" / "weights.safetensors" for name in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_set_without_classes(
    digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Digits, "classes", None)
    with pytest.raises(UserError, match=r"^data=digits has no classes"):
        train_classifier(digits, Lesson(Bezier(), steps=1), tmp_path)


def test_pictures_without_a_label_are_neither_taught_nor_counted(
    digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = digits._open().labels
    assert labels is not None
    unlabelled = np.where(np.arange(len(labels)) % 2, labels, -1)
    monkeypatch.setattr(digits._open(), "labels", unlabelled)
    lesson = Lesson(Bezier(), steps=1, batch_size=4)
    count = int((unlabelled[digits.splits()["test"]] >= 0).sum())
    assert 0 < count < 50
    assert train_classifier(digits, lesson, tmp_path / "half", width=4)["images"] == count
    unlabelled[digits.splits()["test"]] = -1
    result = train_classifier(digits, lesson, tmp_path / "none", width=4)
    assert result == {"updates": 1, "images": 0}
    card = (tmp_path / "none" / "classifier" / "README.md").read_text()
    assert "no test picture has a label" in card
    monkeypatch.setattr(digits._open(), "labels", np.full(len(labels), 3))
    with pytest.raises(UserError, match=r"^data=digits has one class only, 3 — give at least two"):
        train_classifier(digits, lesson, tmp_path / "one", width=4)


def test_what_is_wanted() -> None:
    wanted = _targets(torch.tensor([2, 0]), 1, 4)
    assert wanted.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0.25] * 4]


def test_an_attack_stays_near_and_raises_the_loss() -> None:
    torch.manual_seed(0)
    network = SmallClassifier(4, 4)
    pictures = torch.rand(3, 1, 16, 16)
    wanted = _targets(torch.tensor([0, 1]), 1, 4)
    attacked = _attacked(network, pictures, wanted, 0.5)
    distance = (attacked - pictures).flatten(1).norm(dim=1)
    assert (distance <= 0.5 + 1e-5).all()
    assert (distance > 0.3).all()
    assert attacked.min() >= 0
    assert attacked.max() <= 1
    loss = [torch.nn.functional.cross_entropy(network(one), wanted) for one in (pictures, attacked)]
    assert loss[1] > loss[0]
    assert _attacked(network, pictures, wanted, 0) is pictures


def test_scribbles_are_of_none_to_many_strokes() -> None:
    lesson = Lesson(Bezier(), batch_size=64)
    scribbles = lesson._scribbles(16, torch.Generator().manual_seed(0))
    assert scribbles.shape == (32, 1, 16, 16)
    share = scribbles.mean((1, 2, 3))
    assert share.min() < 0.05
    assert share.max() > 0.15


def test_pictures_are_framed_as_in_training() -> None:
    pictures = torch.ones(1, 3, 20, 20)
    framed = Lesson(Bezier(), zoom=0.5).framed(pictures)
    assert framed[0, 0, 10].numpy() == pytest.approx(np.repeat([0.0, 1.0, 0.0], [5, 10, 5]))
