"""The published weights of LearningToPaint (github.com/hzwer/ICCV2019-LearningToPaint).

`renderer.pkl` and `actor.pkl` are state dicts. The networks are those of ICCV 2019, Figures 12 and
13, and so are ours, layer by layer; what differs is the order of numbers, which is turned here in
the weights, once, so that the imported networks compute the same:

- a stroke there is (x0, y0, x1, y1, x2, y2, z0, z2, w0, w2, B, G, R) with x the *row*, z radii and
  w opacities; here it is (x0, y0, x1, y1, x2, y2, radius0, opacity0, radius1, opacity1, R, G, B)
  with x the column;
- the actor sees canvas and target in BGR, and rows before columns.

Their renderer's output is 1 - alpha, and its user takes 1 minus that: what ours is. Files are read
without running any code in them.
"""

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor, nn

from impasto.errors import UserError
from impasto.networks.learning_to_paint import LearningToPaintActor
from impasto.persistence.tensors import Unreadable, read_tensors
from impasto.renderers import NeuralRenderer
from impasto.rl.environment import OBSERVATION_CHANNELS, PaintingEnvironment
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Bezier

CANVAS_SIZE = 128
# Where each number of our stroke stands in theirs.
_SHAPE = (1, 0, 3, 2, 5, 4, 6, 8, 7, 9)
_STROKE = (*_SHAPE, 12, 11, 10)
_PLANES = (2, 1, 0, 5, 4, 3, 6, 8, 7)  # the same of the observation's planes
_BLOCKS = (2, 2, 2, 2)
_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_COUNTER = "num_batches_tracked"  # which old files lack, and evaluation does not need


def import_renderer(path: str | Path) -> NeuralRenderer:
    """Import the weights of a `renderer.pkl` into our renderer.

    Raises:
        UserError: It cannot be read, or a key is missing, too many or of another shape.
    """
    renderer = NeuralRenderer(Bezier(), CANVAS_SIZE)
    tensors = _translated(Path(path), dict(_renderer_keys()), renderer)
    first = "dense.0.weight"
    tensors[first] = tensors[first][:, list(_SHAPE)]
    renderer.load_state_dict(tensors)
    return renderer.requires_grad_(False).eval()


def import_policy(path: str | Path, renderer: NeuralRenderer, strokes: int = 200) -> PaintingPolicy:
    """Import the weights of an `actor.pkl` into our policy.

    Args:
        path: The file.
        renderer: What it learned with.
        strokes: Strokes in a painting; theirs is 40 bundles of 5.

    Raises:
        UserError: It cannot be read, or a key is missing, too many or of another shape.
    """
    path, dim = Path(path), renderer.stroke.dim
    head = read_state(path).get("fc.bias")
    count = dim if head is None else head.numel()
    if not count or count % dim:
        what = f"{path}: fc.bias has {count} numbers, which are no bundle of strokes of {dim}"
        raise UserError(what, "give LearningToPaint's actor.pkl")
    actor = LearningToPaintActor(OBSERVATION_CHANNELS, count, _BLOCKS)
    tensors = _translated(path, dict(_actor_keys()), actor)
    stem = "stem.0.0.weight"
    tensors[stem] = tensors[stem][:, list(_PLANES)]
    rows = [dim * number + place for number in range(count // dim) for place in _STROKE]
    for name in ("head.weight", "head.bias"):
        tensors[name] = tensors[name][rows]
    actor.load_state_dict(tensors)
    environment = PaintingEnvironment(renderer, strokes, bundle=count // dim)
    policy: PaintingPolicy = PaintingPolicy(actor, environment).requires_grad_(False).eval()
    return policy


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict, without running code from the file.

    Raises:
        UserError: The file is missing, cut off, or anything else than names and tensors.
    """
    todo = "give a file of LearningToPaint's, renderer.pkl or actor.pkl"
    try:
        state = read_tensors(path)
    except Unreadable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise UserError(f"{path}: no such file", todo) from error
        if isinstance(error.__cause__, pickle.UnpicklingError):
            raise UserError(f"{path}: it holds more than tensors, or is damaged", todo) from error
        raise UserError(f"{path}: cannot be read as weights ({error})", todo) from error
    named = isinstance(state, Mapping) and all(isinstance(name, str) for name in state)
    if not named or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path}: no state dict, which is names and tensors", todo)
    return dict(state)


def _translated(path: Path, keys: Mapping[str, str], network: nn.Module) -> dict[str, Tensor]:
    """Rename a file's tensors to our names, each checked for our network's shape.

    Raises:
        UserError: A key is missing, too many, of another shape, or holds what is no finite number.
    """
    state, ours = read_state(path), network.state_dict()
    todo = "give LearningToPaint's own file, which this is not"
    missing = [key for key in keys if key not in state and not key.endswith(_COUNTER)]
    surplus = [key for key in state if key not in keys]
    for names, what in ((missing, "lacks"), (surplus, "holds, beside what is known,")):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise UserError(f"{path} {what} {names[0]}{more}", todo)
    translated = dict(ours)
    for key, name in keys.items():
        if key in state:
            there, here = tuple(state[key].shape), tuple(ours[name].shape)
            if there != here:
                raise UserError(f"{path}: {key} has the shape {there}, not {here}", todo)
            if not bool(state[key].isfinite().all()):
                raise UserError(f"{path}: {key} holds numbers that are not finite", todo)
            translated[name] = state[key].to(ours[name].dtype)
    return translated


def _renderer_keys() -> Iterator[tuple[str, str]]:
    """Yield their names with ours: a ReLU after each layer, a pixel shuffle after each second."""
    for part in ("weight", "bias"):
        for number in range(4):
            yield f"fc{number + 1}.{part}", f"dense.{2 * number}.{part}"
        for number in range(6):
            yield f"conv{number + 1}.{part}", f"draw.{2 * number}.{part}"


def _actor_keys() -> Iterator[tuple[str, str]]:
    """Yield their names with ours."""
    yield from _normed("conv1", "bn1", "stem.0")
    number = 0
    for stage, blocks in enumerate(_BLOCKS, start=1):
        for block in range(blocks):
            theirs, ours = f"layer{stage}.{block}", f"stages.{number}"
            yield from _normed(f"{theirs}.conv1", f"{theirs}.bn1", f"{ours}.body.0")
            yield from _normed(f"{theirs}.conv2", f"{theirs}.bn2", f"{ours}.body.2")
            if block == 0:  # every stage halves
                shortcut = f"{theirs}.shortcut"
                yield from _normed(f"{shortcut}.0", f"{shortcut}.1", f"{ours}.shortcut")
            number += 1
    yield from (("fc.weight", "head.weight"), ("fc.bias", "head.bias"))


def _normed(conv: str, norm: str, ours: str) -> Iterator[tuple[str, str]]:
    """Yield the names of a convolution without bias and its batch normalization, with ours."""
    yield f"{conv}.weight", f"{ours}.0.weight"
    yield from ((f"{norm}.{part}", f"{ours}.1.{part}") for part in _NORM)
