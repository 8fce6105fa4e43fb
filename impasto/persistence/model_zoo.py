"""Weights that come with the project: exported folders, found by their names.

Every folder of impasto/weights holds what `impasto.persistence.exports` writes, a ``SHA256SUMS``
that is verified when it is read, and a ``README.md`` that says what it is, what it was trained on
and how well it does.
"""

from pathlib import Path

from impasto.errors import UserError
from impasto.persistence.checksums import CHECKSUMS
from impasto.persistence.exports import CONFIG
from impasto.persistence.hub import PREFIX, pull

FOLDER = Path(__file__).resolve().parents[1] / "weights"


def weight_names(part: str) -> list[str]:
    """The names of all agents (``agent``) or renderers (``renderer``) that there are."""
    complete = [
        one.parent for one in FOLDER.glob(f"*/{CHECKSUMS}") if (one.parent / CONFIG).exists()
    ]
    return sorted(one.name for one in complete if f"kind: {part}\n" in (one / CONFIG).read_text())


def find_weights(weights: str | Path, part: str) -> Path:
    """The exported folder that an argument such as the agent's `weights` means.

    Args:
        weights: An exported folder, a run folder that holds one, a name of those that come with
            the project, or the address of one on the Hugging Face hub, ``hf://owner/name``. What
            lies at that path goes before what comes with the project.
        part: ``agent`` or ``renderer``: whose weights, and the export's folder in a run folder.

    Raises:
        UserError: There is no such folder, and no such name.
    """
    if not isinstance(weights, str | Path):
        what = f"the {part}'s `weights` can't be of type {type(weights).__name__}"
        raise UserError(what, "give a folder that a run exported, or a name")
    if str(weights).startswith(PREFIX):
        return pull(str(weights))
    folder = Path(weights)
    if (folder / part).is_dir():
        return folder / part
    if folder.is_dir():
        return folder
    if folder.exists():
        what = f"the {part}'s `weights={weights}` is no folder"
        raise UserError(what, "give a folder that a run exported")
    names = weight_names(part)
    if str(weights) not in names:
        found = f", or one of {', '.join(names)}" if names else ""
        raise UserError(
            f"the {part}'s `weights={weights}` does not exist, and no weights of that name come "
            "with the project",
            f"give a folder that a run exported{found}",
        )
    return FOLDER / str(weights)
