"""Result of a search: the best values with the command that uses them, and a picture."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path

import yaml

from impasto.persistence.atomic import durable_write

BEST = "best.yaml"
PICTURE = "search.png"


def write_search(
    folder: Path,
    objective: str,
    history: tuple[Sequence[int], Sequence[float]],
    importance: Mapping[str, float],
    best: Mapping[str, object],
) -> None:
    """Write ``best.yaml`` and ``search.png``, and print the gist.

    Args:
        folder: The sweep's folder.
        objective: What was minimized.
        history: Numbers and values of the finished trials, in order.
        importance: The share of each parameter in how the values vary; empty if unknown.
        best: What was found; its ``command`` is the one to train with.
    """
    text = yaml.safe_dump(dict(best), sort_keys=False, allow_unicode=True, width=10**6)
    with durable_write(folder / BEST) as draft:
        draft.file.write(text.encode())
    _draw(folder / PICTURE, objective, history, importance)
    print(f"{len(history[0])} trials finished; the best is trial {best['trial']}:")
    print(text, end="")
    for name, share in importance.items():
        print(f"importance of {name}: {share:.2f}")
    print(f"search: {folder / BEST}, {folder / PICTURE}")


def _draw(
    path: Path,
    objective: str,
    history: tuple[Sequence[int], Sequence[float]],
    importance: Mapping[str, float],
) -> None:
    """The values and the best so far by trial; beside it the importance of the parameters."""
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots(1, 2 if importance else 1, squeeze=False)[0]
    numbers, values = history
    axes[0].plot(numbers, values, "o", color="0.6", label="a trial")
    axes[0].step(numbers, list(accumulate(values, min)), where="post", label="the best so far")
    axes[0].set_xlabel("trial")
    axes[0].xaxis.get_major_locator().set_params(integer=True)
    axes[0].set_ylabel(objective)
    axes[0].legend()
    if importance:
        names = list(importance)[::-1]
        axes[1].barh(names, [importance[name] for name in names])
        axes[1].set_xlabel(f"share in how {objective} varies")
    with durable_write(path) as draft:
        figure.savefig(draft.file, format="png")
