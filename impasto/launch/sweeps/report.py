"""At the end of a sweep: the comparison of its runs."""

import sys
from pathlib import Path

from impasto.errors import UserError
from impasto.launch.advice import in_keys
from impasto.tasks.runs.run_folder import command
from impasto.tasks.runs.search_report import BEST


def report_sweep(folder: Path) -> None:
    """Compare a sweep's runs, where there is something to compare.

    Whatever goes wrong is a line on standard error: the sweep itself is as good as it was.

    Args:
        folder: The sweep's folder.
    """
    if (folder / BEST).exists():  # a search goes by validation, and has said what it found
        return
    try:
        from impasto.tasks.runs.compare import (
            compare_sweep,  # takes a second, which plugins must not
        )

        compare_sweep(folder)
    except Exception as error:
        what = (
            in_keys(error.what)
            if isinstance(error, UserError)
            else f"{type(error).__name__}: {error}"
        )
        again = command(["task=compare", f"runs={folder}"])
        print(
            f"warning: the sweep's report was not written: {' '.join(what.split())} — {again} "
            "writes it",
            file=sys.stderr,
        )
