"""Classifiers by name: the project's own, torchvision's, a user's."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate
from torchvision.models import get_model

from impasto.canvas import to_float
from impasto.errors import UserError
from impasto.networks import classifiers
from impasto.networks.classifiers import Classifier, load_classifier, own_names, save_classifier
from impasto.networks.small_classifier import SmallClassifier
from impasto.persistence.checksums import CHECKSUMS

MODEL = "squeezenet1_1"  # the smallest of torchvision
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def pictures(size: int = 24) -> torch.Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state dict of three classes, and their names beside it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = get_model(MODEL, weights=None, num_classes=3).state_dict()
    path = tmp_path_factory.mktemp("weights") / "three.pth"
    torch.save(state, path)
    return path


def test_the_digits_come_with_the_project() -> None:
    assert own_names() == ["digits"]
    classifier = load_classifier("digits")
    assert (classifier.name, classifier.size) == ("digits", 32)
    assert classifier.classes == tuple("0123456789")
    assert not any(True for _ in classifier.parameters())  # nothing to train
    folder = classifiers.OWN / "digits"
    files = {path.name: path for path in folder.iterdir()}
    assert set(files) == {"README.md", "config.yaml", CHECKSUMS, "weights.safetensors"}
    assert sum(path.stat().st_size for path in files.values()) < 2e5
    assert "scikit-learn" in files["README.md"].read_text()


def test_the_digits_are_read_at_any_size_in_any_shade() -> None:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.from_numpy(bunch.images).float()[:200, None].expand(-1, 3, -1, -1) / 16
    labels = torch.from_numpy(bunch.target)[:200]
    classifier = load_classifier("digits")
    for size, ink, paper in ((32, 1.0, 0.0), (64, 0.0, 1.0), (48, 0.8, 0.2)):
        digits = interpolate(images, (size // 2, size // 2), mode="bilinear")
        framed = nn.functional.pad(digits, [size // 4] * 4)
        shown = paper + (ink - paper) * framed
        right = (classifier(shown).argmax(1) == labels).float().mean()
        assert right > 0.85, (size, ink, paper)


def test_random_strokes_are_no_digit() -> None:
    from impasto.strokes import Bezier
    from impasto.visualizing import Lesson

    scribbles = Lesson(Bezier(), batch_size=128)._scribbles(32, torch.Generator().manual_seed(5))
    assert scribbles.shape == (64, 1, 32, 32)
    sure = load_classifier("digits")(scribbles.expand(-1, 3, -1, -1)).softmax(1).amax(1)
    assert sure.mean() < 0.5


def test_a_classifier_looks_at_its_own_size_with_its_own_mean() -> None:
    class Spy(nn.Module):
        def forward(self, given: torch.Tensor) -> torch.Tensor:
            self.given = given
            return given.mean((2, 3))

    spy = Spy()
    classifier = Classifier("spy", spy, ["r", "g", "b"], 8, MEAN, STD).train()
    assert not classifier.training
    assert not spy.training
    full = to_float(torch.full((1, 3, 16, 16), 255, dtype=torch.uint8))
    classifier(full)
    assert spy.given.shape == (1, 3, 8, 8)
    expected = [(1 - mean) / std for mean, std in zip(MEAN, STD, strict=True)]
    assert spy.given[0, :, 4, 4].tolist() == pytest.approx(expected)


def test_a_users_weights(three: Path) -> None:
    names = three.with_suffix(".txt")
    names.write_text("cat\n\nred dog\nowl\n", encoding="utf-8")
    classifier = load_classifier(f"{MODEL}:{three}")
    assert classifier.classes == ("cat", "red dog", "owl")
    assert (classifier.name, classifier.size) == (MODEL, 224)
    network = get_model(MODEL, weights=None, num_classes=3).eval()
    network.load_state_dict(torch.load(three, weights_only=True))
    seen = interpolate(pictures(), (224, 224), mode="bilinear", antialias=True)
    mean, std = (torch.tensor(one).view(3, 1, 1) for one in (MEAN, STD))
    with torch.no_grad():
        torch.testing.assert_close(classifier(pictures()), network((seen - mean) / std))
    names.write_text("cat\nowl\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"three\.txt names 2 classes, and .*three\.pth has 3"):
        load_classifier(f"{MODEL}:{three}")
    names.unlink()
    assert load_classifier(f"{MODEL}:{three}").classes == ("0", "1", "2")


def test_downloaded_weights_have_imagenets_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies in the cache is taken; else the file to provide is named."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("impasto.io.download.reachable", lambda urls: False)
    with pytest.raises(UserError) as caught:
        load_classifier(MODEL)
    assert caught.value.what.startswith(f"the weights of {MODEL} cannot be downloaded: no answer")
    assert "squeezenet1_1-b8a52dc0.pth" in caught.value.todo
    assert f"give `classifiers=[{MODEL}:FILE]`, or put it into {tmp_path}" in caught.value.todo
    (tmp_path / "checkpoints").mkdir()
    place = tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    torch.save(get_model(MODEL, weights=None).state_dict(), place)
    classifier = load_classifier(MODEL)
    assert len(classifier.classes) == 1000
    assert classifier.classes[388] == "giant panda"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("resnet81", r"^`classifiers`: there is no classifier 'resnet81' — did you mean resnet"),
        ("digit", r"did you mean digits"),
        ("", r"^`classifiers`: there is no classifier '' — give a name such as digits"),
        ("resnet18:nowhere.pth", r"^nowhere\.pth does not exist — correct `classifiers`"),
        ("lenet:a.pth", r"^`classifiers`: there is no classifier 'lenet:a\.pth'"),
    ],
)
def test_what_is_not_there(given: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        load_classifier(given)
    with pytest.raises(UserError, match=says.replace("`classifiers`", "`reader`")):
        load_classifier(given, "reader")


def test_weights_that_do_not_fit(three: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"three\.pth lacks fc\.bias of resnet18 — give"):
        load_classifier(f"resnet18:{three}")
    state = torch.load(three, weights_only=True)
    torch.save(
        {name: one for name, one in state.items() if "features.3" not in name},
        tmp_path / "less.pth",
    )
    with pytest.raises(UserError, match=r"less\.pth does not fit squeezenet1_1 \("):
        load_classifier(f"{MODEL}:{tmp_path / 'less.pth'}")
    (tmp_path / "no.pth").write_bytes(b"no weights")
    with pytest.raises(UserError, match=r"no\.pth can't be read as weights \(.*classifiers="):
        load_classifier(f"{MODEL}:{tmp_path / 'no.pth'}")


def test_an_export_is_the_same_classifier(tmp_path: Path) -> None:
    network = SmallClassifier(3, width=4).half().float()  # as it is stored
    save_classifier(tmp_path / "classifier", network, ["a", "b", "c"], 16, "a card")
    for given in (tmp_path, tmp_path / "classifier"):
        classifier = load_classifier(str(given))
        assert (classifier.classes, classifier.size) == (("a", "b", "c"), 16)
        with torch.no_grad():
            torch.testing.assert_close(classifier(pictures(16)), network(pictures(16)))
    assert (tmp_path / "classifier" / "README.md").read_text() == "a card"
    weights = tmp_path / "classifier" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0\0")
    with pytest.raises(UserError, match="is not the file that SHA256SUMS beside it lists"):
        load_classifier(str(tmp_path))


def test_an_export_of_something_else() -> None:
    folder = classifiers.FOLDER / "digits"  # an agent
    with pytest.raises(UserError, match=r"digits holds an agent, not a classifier — give a name"):
        load_classifier(str(folder))
