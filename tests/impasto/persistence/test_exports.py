"""Exported folders: whole or not at all, and never code."""

import hashlib
import json
from pathlib import Path

import pytest
import torch

from impasto.errors import UserError
from impasto.persistence import exports
from impasto.persistence.description import build, describe
from impasto.persistence.exports import load_weights, read_export, write_export
from impasto.renderers import AnalyticRenderer, NeuralRenderer
from impasto.strokes import Circle


def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "large": torch.randn(4100, 1000, generator=generator),  # 16.4 MB
        "small": torch.randn(7, generator=generator),
        "count": torch.tensor(5),
        "half": torch.randn(3, 2, generator=generator).half(),
        "larger": torch.randn(9000, 1000, generator=generator),  # 36 MB
    }


def assert_equal(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_small_weights_are_one_file(tmp_path: Path) -> None:
    given = {key: value for key, value in tensors().items() if not key.startswith("large")}
    write_export(tmp_path / "x", {"kind": "thing", "size": [1, 2]}, given)
    assert {path.name for path in tmp_path.rglob("*")} == {
        "x",
        "config.yaml",
        "weights.safetensors",
    }
    config, found = read_export(tmp_path / "x")
    assert config == {"kind": "thing", "size": [1, 2]}
    assert_equal(found, given)


def test_large_weights_are_shards_under_15_mb(tmp_path: Path) -> None:
    write_export(tmp_path / "x", {"kind": "thing"}, tensors())
    shards = sorted((tmp_path / "x").glob("*.safetensors"))
    assert [shard.name for shard in shards] == [
        f"weights-{n:05d}-of-{len(shards):05d}.safetensors" for n in range(1, len(shards) + 1)
    ]
    assert len(shards) == 5
    assert max(shard.stat().st_size for shard in shards) < 15_000_000
    index = json.loads((tmp_path / "x" / "weights.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) == {shard.name for shard in shards}
    size = sum(t.numel() * t.element_size() for t in tensors().values())
    assert index["metadata"]["total_size"] == size
    assert_equal(read_export(tmp_path / "x")[1], tensors())


def test_an_older_export_is_replaced_whole(tmp_path: Path) -> None:
    write_export(tmp_path / "x", {"kind": "old"}, tensors())
    given = {"small": torch.ones(2)}
    write_export(tmp_path / "x", {"kind": "new"}, given)
    assert read_export(tmp_path / "x")[0] == {"kind": "new"}
    assert_equal(read_export(tmp_path / "x")[1], given)
    assert len(list((tmp_path / "x").iterdir())) == 2  # no shard is left over
    assert (tmp_path / "x").stat().st_mode & 0o055 == 0o055  # others may read it
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in (tmp_path / "x").iterdir())


def test_a_failing_export_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_export(tmp_path / "x", {"kind": "old"}, {"a": torch.ones(2)})

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exports, "save_file", fail)
    with pytest.raises(OSError, match="No space"):
        write_export(tmp_path / "x", {"kind": "new"}, {"a": torch.ones(2)})
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert read_export(tmp_path / "x")[0] == {"kind": "old"}


# ---- what can be wrong with a folder


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
@pytest.mark.parametrize("large", [False, True])
def test_cut_off_weights(tmp_path: Path, share: float, large: bool) -> None:
    given = tensors() if large else {"a": torch.rand(50, 50)}
    write_export(tmp_path / "x", {"kind": "thing"}, given)
    file = sorted((tmp_path / "x").glob("*.safetensors"))[-1]
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(UserError, match="can't be read as exported weights"):
        read_export(tmp_path / "x")


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config\.yaml does not exist"):
        read_export(tmp_path / "nothing")
    write_export(tmp_path / "x", {"kind": "thing"}, tensors())
    next(iter((tmp_path / "x").glob("weights-00002*"))).unlink()
    with pytest.raises(UserError, match=r"weights-00002-of-00005.* does not exist"):
        read_export(tmp_path / "x")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.yaml", "kind: [1, 2"),
        ("config.yaml", "only text"),
        ("config.yaml", ""),
        ("config.yaml", "\x00\x01"),
        ("weights.safetensors.index.json", "{"),
        ("weights.safetensors.index.json", "{}"),
        ("weights.safetensors.index.json", "[]"),
        ("weights.safetensors", "not safetensors at all"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, name: str, text: str) -> None:
    write_export(tmp_path / "x", {"kind": "thing"}, {"a": torch.ones(2)})
    (tmp_path / "x" / name).write_text(text)
    with pytest.raises(UserError, match="export"):
        read_export(tmp_path / "x")


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.pkl"
    file.write_bytes(b"a pickle")
    with pytest.raises(UserError, match=r"weights\.pkl"):
        read_export(file)


# ---- describing and building


def test_describe_and_build_are_inverse() -> None:
    network = NeuralRenderer(Circle(), 32, hidden=[4], channels=8)
    node = describe(network)
    assert node == {
        "_target_": "impasto.renderers.neural.NeuralRenderer",
        "stroke": {"_target_": "impasto.strokes.areas.Circle"},
        "canvas_size": 32,
        "hidden": [4],
        "channels": 8,
        "activation": "relu",
        "convolutions": 2,
    }
    again = build(node)
    assert describe(again) == node
    assert [p.shape for p in again.parameters()] == [p.shape for p in network.parameters()]
    assert build(describe(AnalyticRenderer(Circle(), 8))).canvas_size == 8


@pytest.mark.parametrize(
    "target",
    ["os.system", "builtins.eval", "painting_evil.Evil", "impasto_evil.A", "torch.load", "", None],
)
def test_nothing_foreign_is_ever_called(target: str | None, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(UserError, match="not of impasto"):
        build({"_target_": target, "command": f"touch {mark}"})
    with pytest.raises(UserError, match="not of impasto"):
        build(
            {
                "_target_": "impasto.renderers.AnalyticRenderer",
                "canvas_size": 8,
                "stroke": {"_target_": target, "command": f"touch {mark}"},
            }
        )
    assert not mark.exists()


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("painting.nothing.Here", {}),
        ("impasto.strokes.Nothing", {}),
        ("impasto.persistence.exports.shutil.rmtree", {"path": "/nowhere"}),
        ("impasto.persistence.exports.write_export", {}),
        ("impasto.strokes.raster.frame.radius_pixels", {"radius": 1.0, "height": 2, "width": 2}),
        ("impasto.persistence.exports.Path", {}),  # a class, but not of this package
        ("impasto.strokes.Stroke", {}),
        ("impasto.strokes.Circle", {"colour": 3}),
        ("impasto.renderers.NeuralRenderer", {"stroke": Circle(), "canvas_size": 17}),
    ],
)
def test_what_cannot_be_built_is_refused(target: str, arguments: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"can't be built|canvas_size. is 17 — give"):
        build({"_target_": target, **arguments})


def test_weights_of_another_module_are_refused(tmp_path: Path) -> None:
    module = torch.nn.Linear(2, 3)
    for wrong in (
        {"weight": torch.ones(3, 2)},
        {"weight": torch.ones(2, 2), "bias": torch.ones(3)},
    ):
        with pytest.raises(UserError, match=r"the weights in .* do not fit"):
            load_weights(module, wrong, tmp_path)


def test_numbers_may_be_rounded_to_16_bits(tmp_path: Path) -> None:
    given = {"real": torch.tensor([1 / 3, 2.0, 1e-3]), "count": torch.tensor(70_000)}
    write_export(tmp_path / "x", {"kind": "thing"}, given, torch.float16)
    assert_equal(
        read_export(tmp_path / "x")[1], {"real": given["real"].half(), "count": given["count"]}
    )
    module = torch.nn.Linear(3, 1, bias=False)
    load_weights(module, {"weight": given["real"].half()[None]}, tmp_path)
    assert module.weight.dtype == torch.float32
    assert torch.equal(module.weight[0], given["real"].half().float())
    with pytest.raises(ValueError, match="real has numbers that are too large"):
        write_export(tmp_path / "y", {}, {"real": torch.tensor(70_000.0)}, torch.float16)
    assert not (tmp_path / "y").exists()


def test_files_beside_come_with_checksums_as_sha256sum_has_them(tmp_path: Path) -> None:
    write_export(tmp_path / "x", {"kind": "thing"}, tensors(), files={"README.md": "é"})
    assert (tmp_path / "x" / "README.md").read_text(encoding="utf-8") == "é"
    lines = (tmp_path / "x" / "SHA256SUMS").read_text().splitlines()
    for line in lines:
        digest, name = line.split("  ")
        assert digest == hashlib.sha256((tmp_path / "x" / name).read_bytes()).hexdigest()
    assert len(lines) == 7  # five shards, their index and the config; not the text
    read_export(tmp_path / "x")
    (tmp_path / "x" / "README.md").write_text("anything")
    read_export(tmp_path / "x")


@pytest.mark.parametrize("change", ["more", "fewer", "other"])
def test_what_the_checksums_do_not_tell_of_is_refused(tmp_path: Path, change: str) -> None:
    given = {"small": torch.ones(2)}
    write_export(tmp_path / "x", {"kind": "thing"}, given, files={})
    folder = tmp_path / "x"
    if change == "more":
        (folder / "extra.safetensors").write_bytes(b"")
    elif change == "fewer":
        (folder / "weights.safetensors").unlink()
    else:
        (folder / "config.yaml").write_text("kind: other")
    with pytest.raises(UserError, match=r"^\S+ is not the file that SHA256SUMS"):
        read_export(folder)
