"""The files that tests/bad_input.yaml speaks of, good and bad ones, in a folder `files`."""

import json
import os
import pickle
import shutil
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from impasto.networks.classifiers import save_classifier
from impasto.networks.small_classifier import SmallClassifier
from impasto.persistence.exports import CONFIG
from impasto.persistence.model_zoo import FOLDER as SHELF
from impasto.renderers import NeuralRenderer, Verdict, save_renderer
from impasto.strokes import Circle, MyPaint

RECORD = {
    "version": 1,
    "stroke": "circle",
    "width": 24,
    "height": 16,
    "background": [0, 0, 0],
    "strokes": [
        {"shape": {"x": 0.5, "y": 0.5, "radius": 0.25, "opacity": 1}, "color": [1, 0.5, 0]}
    ],
}


class Payload:
    """What runs code when it is unpickled: it makes a folder."""

    def __init__(self, trap: Path) -> None:
        self.trap = trap

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trap),)


def png(width: int, height: int, pixels: bytes = b"") -> bytes:
    """The bytes of a grey PNG that says it has this size, whatever it holds."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def make_files(folder: Path) -> None:
    """Make all of them.

    Args:
        folder: Where; it is not there yet.
    """
    folder.mkdir()
    (folder / "empty").mkdir()
    (folder / "text").mkdir()
    (folder / "text" / "read me.txt").write_text("nothing but words")
    _pictures(folder)
    _records(folder)
    _exports(folder)
    _checkpoints(folder)
    _data(folder)
    _runs(folder)
    _brushes(folder)
    _classifiers(folder)


def _pictures(folder: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    photo = Image.fromarray(pixels)
    photo.save(folder / "photo.png")
    photo.save(folder / "[photo], 1.png")
    whole = (folder / "photo.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "zero.png").touch()
    (folder / "text.png").write_text("not a picture")
    (folder / "bomb.png").write_bytes(png(60_000, 60_000))
    (folder / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(folder / "clear.png")
    Image.new("L", (8, 8), 0).save(folder / "black.png")
    Image.new("L", (2049, 2), 255).save(folder / "wide.png")
    (folder / "text.mp4").write_text("not a film")
    (folder / "zero.mp4").touch()


def _records(folder: Path) -> None:
    stroke = RECORD["strokes"][0]

    def write(name: str, **changes: object) -> None:
        kept = {key: value for key, value in (RECORD | changes).items() if value != "gone"}
        (folder / f"{name}.json").write_text(json.dumps(kept))

    def shape(**changes: object) -> list[object]:
        return [stroke, {**stroke, "shape": {**stroke["shape"], **changes}}]

    write("record")
    write("version99", version=99)
    write("no_strokes", strokes="gone")
    write("strokes_no_list", strokes={})
    write("spline", stroke="spline")
    write("huge", width=10**9)
    write("no_size", height="gone")
    write("half_pixels", width=12.5)
    write("red", background="red")
    write("far", strokes=shape(x=1e30))
    write("nan", strokes=shape(x=float("nan")))
    write("word", strokes=shape(radius="large"))
    write("shapeless", strokes=[{"color": [1, 0, 0]}])
    write("colour", strokes=[{**stroke, "color": [2, 0, 0]}])
    write("options", options={"grid": 4})
    write("faint", strokes=shape(opacity=0.5))
    write("long", width=40_000, height=8)
    whole = (folder / "record.json").read_text()
    (folder / "cut.json").write_text(whole[: len(whole) // 2])
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "list.json").write_text("[1, 2]")
    (folder / "zero.json").touch()
    (folder / "latin.json").write_bytes("é".encode("latin-1"))


def _exports(folder: Path) -> None:
    def agent(name: str) -> Path:
        return Path(shutil.copytree(SHELF / "photos", folder / name))

    def unsealed(name: str) -> Path:
        path = agent(name)
        (path / "SHA256SUMS").unlink()
        return path

    bits = bytearray((agent("agent_flipped") / "weights.safetensors").read_bytes())
    bits[-1] ^= 1
    (folder / "agent_flipped" / "weights.safetensors").write_bytes(bits)
    (unsealed("agent_cut") / "weights.safetensors").write_bytes(bits[: len(bits) // 2])
    (unsealed("agent_no_weights") / "weights.safetensors").unlink()
    (unsealed("agent_no_config") / CONFIG).unlink()
    config = (SHELF / "photos" / CONFIG).read_text()
    (unsealed("agent_older") / CONFIG).write_text(config.replace("bundle", "action_repeat"))
    (unsealed("agent_newer") / CONFIG).write_text(config.replace("  width:", "  breadth:"))
    (unsealed("agent_other") / CONFIG).write_text(config.replace("width: 24", "width: 8"))
    (unsealed("agent_abc") / CONFIG).write_text(config.replace("strokes: 5", "strokes: abc"))
    (unsealed("agent_deep") / CONFIG).write_text(config + "more: " + "[" * 100_000)
    weights = load_file(SHELF / "photos" / "weights.safetensors")
    weights["actor.stem.0.0.weight"][0] = float("nan")
    save_file(weights, unsealed("agent_nan") / "weights.safetensors")
    (unsealed("agent_yaml") / CONFIG).write_text("kind: [agent")
    (unsealed("agent_code") / CONFIG).write_text(
        config.replace("impasto.networks.actor_critic.Actor", "os.system")
    )
    verdict = Verdict(mse=0.09, mean_image=0.1)
    save_renderer(folder / "renderer", NeuralRenderer(Circle(), 32, (8,), 4), verdict)


def _checkpoints(folder: Path) -> None:
    torch.save({"weights": torch.ones(3)}, folder / "tensors.ckpt")
    whole = (folder / "tensors.ckpt").read_bytes()
    (folder / "cut.ckpt").write_bytes(whole[: len(whole) // 2])
    (folder / "zero.ckpt").touch()
    (folder / "text.ckpt").write_text("not a checkpoint")
    for protocol, name in ((2, "code.ckpt"), (4, "code.pkl"), (4, "code.pt")):
        code = pickle.dumps({"state_dict": Payload(folder / "trapped")}, protocol)
        (folder / name).write_bytes(code)
    torch.save({"state_dict": Payload(folder / "trapped")}, folder / "code_zip.ckpt")
    (folder / "text.pkl").write_text("not weights")
    torch.save({"fc.weight": torch.ones(2)}, folder / "tensors.pkl")


def _data(folder: Path) -> None:
    raw = folder / "mnist_cut"
    raw.mkdir()
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{name}-ubyte").write_bytes(b"\0\0\x08\x03\0\0")
    svhn = folder / "svhn_text"
    svhn.mkdir()
    for name in ("train", "test"):
        (svhn / f"{name}_32x32.mat").write_text("not a matrix")
    broken = folder / "broken_pictures"
    broken.mkdir()
    for number in range(4):
        shutil.copy(folder / "cut.png", broken / f"{number}.png")
    packed = folder / "celeba_7z" / "Img" / "img_align_celeba_png.7z"
    packed.mkdir(parents=True)
    (packed / "img_align_celeba_png.7z.001").write_bytes(b"7z")
    for name, content in (("celeba_text", None), ("celeba_other", "list_attr_celeba.txt")):
        path = folder / name / "img_align_celeba.zip"
        path.parent.mkdir()
        path.write_text("not a zip file")
        if content is not None:
            with zipfile.ZipFile(path, "w") as file:
                file.writestr(content, "")
    one = folder / "one_class" / "train" / "images"
    one.mkdir(parents=True)
    for number in range(30):
        shutil.copy(folder / "photo.png", one / f"{number}.png")
    flat = folder / "flat_pictures"
    flat.mkdir()
    shutil.copy(folder / "photo.png", flat)


def _runs(folder: Path) -> None:
    for name, summary in (("run_list", "[]"), ("run_cut", '{"task": "tr'), ("run_bare", "{}")):
        (folder / name).mkdir()
        (folder / name / "summary.json").write_text(summary)


def _brushes(folder: Path) -> None:
    """Brushes of MyPaint, renderers of such, and data folders with one brush and with none."""

    def settings(opaque: float) -> dict[str, object]:
        return {"opaque": {"base_value": opaque, "inputs": {}}}

    plain = {"version": 3, "settings": settings(1.0)}
    texts = {
        "plain": json.dumps(plain),
        "other": json.dumps(plain | {"settings": settings(0.5)}),
        "older": json.dumps(plain | {"version": 2}),
        "bare": json.dumps({"version": 3}),
        "crooked": json.dumps(
            plain | {"settings": {"opaque": {"base_value": 1, "inputs": {"pressure": [[0, 0]]}}}}
        ),
        "text": "not a brush",
    }
    own = folder / "programs" / "mypaint-data" / "2.0" / "brushes" / "own"
    own.mkdir(parents=True)
    for name, text in texts.items():
        (folder / f"{name}.myb").write_text(text)
    (own / "plain.myb").write_text(texts["plain"])
    (folder / "changed").mkdir()
    (folder / "changed" / "plain.myb").write_text(texts["other"])
    verdict = Verdict(mse=0.01, mean_image=1.0)
    for name, limits in (("renderer_plain", {}), ("renderer_narrow", {"max_width": 0.2})):
        stroke = MyPaint("plain.myb", settings(1.0), **limits)
        save_renderer(folder / name, NeuralRenderer(stroke, 64, (8,), 4), verdict)
    shape = dict.fromkeys(MyPaint.parameters, 0.5)
    record = {**RECORD, "stroke": "mypaint", "strokes": [{"shape": shape, "color": [1, 0, 0]}]}
    record["options"] = {"brush": "plain.myb", "settings": settings(1.0)}
    (folder / "mypaint.json").write_text(json.dumps(record))


def _classifiers(folder: Path) -> None:
    for name, classes in (
        ("animals", ["giant panda", "red panda", "teddy"]),
        ("letters", ["a", "b"]),
    ):
        network = SmallClassifier(len(classes), 4)
        save_classifier(folder / name, network, classes, 16, "of no use")
