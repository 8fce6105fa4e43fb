import os
import time
from pathlib import Path

import numpy as np

from datamodules.cache.prepare import prepare, sweep
from datamodules.items import Items
from impasto.persistence.locks import lock


def test_what_nobody_went_on_with_for_a_week_is_swept_and_the_rest_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    ages = {".a-8px-1.part": 8, ".b-8px-2.part": 6, ".c-8px-3.part": 9}
    for name, days in ages.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "images.npy").touch()
        then = time.time() - days * 86400
        for path in (folder / name / "images.npy", folder / name):
            os.utime(path, (then, then))
    with lock(folder / ".c-8px-3.lock"):
        sweep(folder)
    left = {path.name for path in folder.iterdir() if path.is_dir()}
    assert left == {".b-8px-2.part", ".c-8px-3.part"}


def test_preparing_a_set_sweeps(tmp_path: Path) -> None:
    old = tmp_path / "prepared" / ".a-8px-1.part"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    items = Items(["one"], lambda number: np.zeros((8, 8, 3), np.uint8))
    prepare(tmp_path, "fake", 8, {}, lambda: items)
    assert not old.exists()
