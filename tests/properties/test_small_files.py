"""Checkpoints' manifests and weights' configs of strangers: loaded, or refused in one line."""

import hashlib
import json
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from omegaconf import OmegaConf

from impasto.errors import UserError
from impasto.launch.changes import changes
from impasto.launch.resume import other_versions
from impasto.networks.classifiers import load_classifier, save_classifier
from impasto.networks.lstm_actor import LstmActor
from impasto.networks.small_classifier import SmallClassifier
from impasto.persistence.manifest import Broken, read_manifest, verify
from impasto.persistence.model_zoo import FOLDER
from impasto.renderers import AnalyticRenderer, FieldRenderer, load_renderer, save_renderer
from impasto.renderers.verdict import Verdict
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Bezier, Pixel
from tests.properties.documents import LAUGHS, broken, mutated, nest
from tests.properties.test_fuzz import SECONDS, bounded

MOST = 200.0  # megabytes above a good file
COUNTS = [pytest.param(40, id="few"), pytest.param(500, id="many", marks=pytest.mark.slow)]


def check(read: Callable[[], object]) -> None:
    refusal = ""
    signal.alarm(SECONDS)
    try:
        read()
    except (UserError, Broken) as error:
        refusal = str(error)
    finally:
        signal.alarm(0)
    assert "\n" not in refusal
    assert "Exception raised from" not in refusal


def over(count: int) -> settings:
    unhealthy = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=count, deadline=None, derandomize=True, suppress_health_check=unhealthy
    )


# ---- weights


def _exports(folder: Path) -> dict[str, Callable[[Path], object]]:
    """One of each kind, and what reads it."""
    actor = LstmActor(9, 2 * Pixel().dim, 2, 8, 8, 1, (1, 1), 4)
    environment = PaintingEnvironment(AnalyticRenderer(Pixel(), 16), 4, 2)
    PaintingPolicy(actor, environment).save(folder / "sequence")
    renderer = FieldRenderer(Bezier(max_width=0.2), 16, 4, 2, 8, 4)
    save_renderer(folder / "renderer", renderer, Verdict(0.01, 1.0))
    save_classifier(folder / "classifier", SmallClassifier(2, 4), ["a", "b"], 16, "")
    (folder / "classifier" / "SHA256SUMS").unlink()
    (folder / "digits").mkdir()
    for name in ("config.yaml", "weights.safetensors"):
        (folder / "digits" / name).write_bytes((FOLDER / "digits" / name).read_bytes())
    return {
        "sequence": PaintingPolicy.load,
        "digits": PaintingPolicy.load,
        "renderer": load_renderer,
        "classifier": lambda path: load_classifier(str(path)),
    }


@pytest.mark.parametrize("count", COUNTS)
def test_configs_of_weights(count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readers = _exports(tmp_path)
    configs = {name: (tmp_path / name / "config.yaml").read_text() for name in readers}
    for name, load in readers.items():
        load(tmp_path / name)

    @over(count)
    @given(data=st.data())
    def holds(data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(readers)))
        document = data.draw(mutated([yaml.safe_load(configs[name])]))
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
        (tmp_path / name / "config.yaml").write_bytes(data.draw(broken(text)))
        check(lambda: readers[name](tmp_path / name))

    with bounded(monkeypatch, MOST):
        holds()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("strokes: 5", "strokes: abc", "strokes is 'abc'"),
        ("strokes: 5", "strokes: 0", "strokes is 0"),
        ("bundle: 5", "bundle: -1", "bundle is -1"),
        ("strokes: 5", "strokes: 1000000000", "strokes is 1000000000"),
        ("strokes: 5", "strokes: ${bundle}", "strokes is '${bundle}'"),
        ("strokes: 5\n", "", "lacks strokes"),
        ("- 0\n", "- .nan\n", "background.0 is nan"),
        ("bundle: 5", "bundle: 4", "actor.out_features is 65"),
        ("  - 1\n", "  - 1000000000\n", "actor.blocks.0 is 1000000000"),
        ("  width: 24", "  width: 1e99", "actor.width is '1e99'"),
        ("canvas_size: 32", "canvas_size: 100000", "renderer.canvas_size is 100000"),
        ("actor:", "actor: 1\nold:", "actor is 1"),
        ("  width: 24", "  width: 8000", "actor can't be built (the weights beside it are"),
        (".curves.Bezier", ".curves.Bezier\n    max_width: .nan", "renderer.stroke: `max_width"),
    ],
)
def test_the_key_is_named(old: str, new: str, says: str, tmp_path: Path) -> None:
    load = _exports(tmp_path)["digits"]
    path = tmp_path / "digits" / "config.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError) as caught:
        load(path.parent)
    assert caught.value.what.startswith(f"{path}: {says}")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(value: float, tmp_path: Path) -> None:
    network = SmallClassifier(2, 4)
    with torch.no_grad():
        network.head.bias[1] = value
    save_classifier(tmp_path / "x", network, ["a", "b"], 16, "")
    with pytest.raises(UserError, match=r"numbers in head\.bias that are not finite"):
        load_classifier(str(tmp_path / "x"))


# ---- manifests

CFG = OmegaConf.create(
    {"seed": 0, "updates": "${task.updates}", "task": {"updates": 5, "batch_size": 8}, "more": [1]}
)


def sealed(path: Path, comment: bytes) -> None:
    """A checkpoint whose manifest is as given, with a sum that is right."""
    comment = comment.removesuffix(b"}") + b', "check": "' + b"0" * 64 + b'"}'
    comment = comment[:-66] + hashlib.sha256(comment).hexdigest().encode() + comment[-2:]
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = comment[-65535:]


def manifest(**changes: object) -> dict[str, Any]:
    with_replay = [{"file": "replay-5-0.safetensors", "sha256": "0" * 64}]
    content = {"impasto": 1, "sha256": "0" * 64, "update": 5, "versions": {"torch": "2.11"}}
    return {**content, "config": OmegaConf.to_container(CFG), "replay": with_replay, **changes}


@pytest.mark.parametrize("count", COUNTS)
def test_manifests(count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.ckpt"

    @over(count)
    @given(data=st.data())
    def holds(data: st.DataObject) -> None:
        document = data.draw(mutated([manifest(), manifest(replay=None)]))
        sealed(path, data.draw(broken(json.dumps(document))))
        check(lambda: _gone_on_from(path))

    with bounded(monkeypatch, MOST):
        holds()


def _gone_on_from(path: Path) -> None:
    found = read_manifest(path)
    changes(found.config or {}, CFG)
    other_versions(found)
    verify(path)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"update": "five"}, r"its manifest update is 'five', and it should be a valid integer"),
        ({"config": [1]}, r"its manifest config is \[1\]"),
        ({"versions": {"torch": 2}}, r"its manifest versions\.torch is 2"),
        (
            {"replay": [{"file": "../a", "sha256": "0" * 64}]},
            r"manifest replay\.0\.file is '\.\./a",
        ),
        ({"replay": [{}]}, r"its manifest lacks replay\.0\.file"),
        ({"impasto": 2}, r"was written by another version \(format 2, not 1\)"),
        ({"config": {"a": nest(90, dict)}}, "nested at most"),
    ],
)
def test_a_manifest_of_other_types(changed: dict[str, Any], says: str, tmp_path: Path) -> None:
    sealed(tmp_path / "a.ckpt", json.dumps(manifest(**changed)).encode())
    with pytest.raises(Broken, match=says):
        verify(tmp_path / "a.ckpt")


def test_interpolations_of_a_manifest_are_not_resolved() -> None:
    """60 levels of two references each, as a resolver would follow them, are 2^60."""
    found = changes({**LAUGHS, "seed": "${k0}", "more": "${oc.env:HOME}"}, CFG)
    assert found["seed"] == "${k1}${k1} -> 0"
    assert found["more"] == "${oc.env:HOME} -> [1]"
