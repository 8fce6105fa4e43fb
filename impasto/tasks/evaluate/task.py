"""The task `evaluate`: an agent on a data set's test split, or painters on pictures."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from datamodules.base import ImageDataModule
from impasto.bounds import Count, validated
from impasto.errors import UserError
from impasto.painters import Painter
from impasto.rl.policy import PaintingPolicy
from impasto.tasks.evaluate.agent import evaluate as evaluate_agent
from impasto.tasks.evaluate.painters import MeasuredSize, evaluate_painters
from impasto.tasks.serve.menus import Choice


@validated
def evaluate(
    policy: Callable[[], PaintingPolicy],
    datamodule: ImageDataModule,
    painters: Mapping[str, Choice[Painter]],
    folder: Path,
    images: str | Sequence[str] | None = None,
    names: str | Sequence[str] | None = None,
    painter: str = "optimize",
    counts: Sequence[Count] | Count | None = None,
    size: MeasuredSize | None = None,
    device: str = "cpu",
    test_strokes: Count | None = None,
    **measuring: Any,
) -> dict[str, Any]:
    """Measure painters where pictures are given, else an agent.

    Args:
        policy: Loads the agent.
        datamodule: The data.
        painters: To choose from.
        folder: The run folder.
        images: The pictures.
        names: Of the painters that are measured side by side.
        painter: The one without `names`.
        counts: See `evaluate_painters`.
        size: See there.
        device: Where to paint.
        test_strokes: Of an agent: see `strokes` of `impasto.tasks.evaluate.agent.evaluate`.
        measuring: Further arguments of `evaluate_painters`.

    Returns:
        Metrics for the summary.

    Raises:
        UserError: A painter isn't there, or a number is out of its bounds.
    """
    if images in (None, ""):
        return evaluate_agent(policy(), datamodule, folder, device, test_strokes)
    chosen = [painter] if names is None else [names] if isinstance(names, str) else names
    if not isinstance(chosen, Sequence) or not chosen:
        raise UserError(f"painters is {names}", f"give some of painters=[{','.join(painters)}]")
    for name in chosen:
        if name not in painters:
            known = ", ".join(f"painter={one}" for one in painters)
            raise UserError(f"painter has no choice {name!r}", f"choose from {known}")
    built = {name: painters[name].build() for name in chosen}
    measuring |= {"counts": counts, "size": size, "device": device}
    return evaluate_painters(built, images, folder, **measuring)
