"""Schemas of the small files that come from outside, and the first fault of a file.

Loading pydantic takes a while, so this is imported where such a file is read, and not before.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    model_validator,
)

from impasto.errors import brief

_DEEPEST = 24  # levels of lists and sections in a file
_SUM = r"^[0-9a-f]{64}$"
_WIDEST = 8192  # channels or units of a layer


def _check_depth(value: object) -> None:
    """Refuse content that is nested too deeply to be walked through recursively."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [child for one in level for child in _children(one)]
        if not level:
            return
    raise ValueError(f"it should be nested at most {_DEEPEST} levels deep")


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _widths(value: object) -> object:
    """Check a width, or one for each of several layers; 0 is no layer."""
    several = value if isinstance(value, list) else [value]
    if len(several) <= 16 and all(type(one) is int and 0 <= one <= _WIDEST for one in several):
        return value
    raise ValueError(f"it should be a whole number up to {_WIDEST}, or a list of 16 such at most")


Count = Annotated[int, Field(ge=1, le=_WIDEST)]
Size = Annotated[int, Field(ge=1, le=2048)]
Bundle = Annotated[int, Field(ge=1, le=4096)]
Level = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[FiniteFloat, Field(ge=0)]


class _Strict(BaseModel):
    """Base of schemas: text is no number, a flag is no number, and further keys are ignored."""

    model_config = ConfigDict(strict=True, extra="allow")


class Part(_Strict):
    """Class and arguments of an object, as `persistence.description.describe` writes them.

    Arguments that say how large something is have their bounds here, whatever class they are of; it
    is the class that knows which it takes.
    """

    target: Annotated[str, Field(alias="_target_", max_length=200)]
    stroke: "Part | None" = None
    canvas_size: Size = 1
    in_channels: Count = 1
    out_features: Annotated[int, Field(ge=1, le=2**20)] = 1
    bundle: Bundle = 1
    width: Count = 1
    features: Count = 1
    units: Count = 1
    channels: Count = 1
    fields: Count = 1
    opacities: Count = 1
    latent: Count = 1
    classes: Count = 1
    layers: Annotated[int, Field(ge=1, le=16)] = 1
    glance: Annotated[int, Field(ge=0, le=64)] = 0
    blocks: Annotated[list[Annotated[int, Field(ge=0, le=64)]], Field(max_length=8)] = []
    hidden: Annotated[Any, AfterValidator(_widths)] = 0
    residual: FiniteFloat = 0.0
    norm: str = ""


class Verdict(_Strict):
    """Quality of a renderer, as far as it decides on its use."""

    trained: bool
    mse: Positive
    mean_image: Positive
    noise: Positive = 0.0


class Agent(_Strict):
    """``config.yaml`` of an ``agent/`` folder."""

    strokes: Annotated[int, Field(ge=1, le=100_000)]
    bundle: Bundle
    background: Annotated[list[Level], Field(min_length=3, max_length=3)]
    actor: Part
    renderer: Part


class Renderer(_Strict):
    """``config.yaml`` of a ``renderer/`` folder."""

    renderer: Part
    verdict: Verdict


class Classifier(_Strict):
    """``config.yaml`` of a ``classifier/`` folder."""

    classes: Annotated[list[str], Field(min_length=1, max_length=_WIDEST)]
    size: Size
    network: Part

    @model_validator(mode="after")
    def _named(self) -> "Classifier":
        told = self.network.classes
        if "classes" in self.network.model_fields_set and told != len(self.classes):
            raise ValueError(f"it should name the {told} classes that its network tells apart")
        return self


class Index(_Strict):
    """``weights.safetensors.index.json``: which tensor lies in which file beside it."""

    weight_map: dict[str, Annotated[str, Field(pattern=r"^[\w-]+\.safetensors$")]]


class Replay(_Strict):
    """A replay file beside a checkpoint."""

    file: Annotated[str, Field(pattern=r"^replay-[A-Za-z0-9_-]+\.safetensors$")]
    sha256: Annotated[str, Field(pattern=_SUM)]


class Manifest(_Strict):
    """Manifest of a checkpoint: `impasto.persistence.manifest`."""

    impasto: Literal[1]
    sha256: Annotated[str, Field(pattern=_SUM)]
    update: Annotated[int, Field(ge=0, lt=2**63)]
    config: dict[str, Any] | None
    versions: dict[str, str] | None
    replay: list[Replay] | None


OF_KIND: dict[str, type[BaseModel]] = {
    "agent": Agent,
    "renderer": Renderer,
    "classifier": Classifier,
}


def fault(schema: type[BaseModel], content: object) -> tuple[str, str] | None:
    """Return the first fault of a file's content; None if it fits the schema.

    Args:
        schema: What it should be.
        content: Of plain containers.

    Returns:
        The key with its value, and what it should be; each as the end of a sentence.
    """
    try:
        _check_depth(content)
        schema.model_validate(content)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False)[0]
        key = ".".join(map(str, problem["loc"]))
        if problem["type"] == "missing":
            return f"lacks {key}", "it is not whole"
        said = re.sub(r"^(Value error, it|\w+) should", "it should", problem["msg"])
        return f"{key} is {brief(problem['input'])}" if key else "does not fit", said
    except ValueError as error:
        return "does not fit", str(error)
    return None
