"""A painting as a table: CSV."""

import csv
from pathlib import Path

from impasto.io.exporters.base import STEM, Exporter
from impasto.io.record import StrokeRecord
from impasto.persistence.atomic import atomic_write
from impasto.strokes.conversion import to_record


class Csv(Exporter):
    """`painting.csv`: a row per stroke, numbered from 0, with the numbers of `strokes.json`."""

    file = f"{STEM}.csv"

    def write(self, folder: Path, painting: StrokeRecord) -> Path:
        """See `Exporter.write`."""
        stroke = painting.stroke
        path = folder / self.file
        with atomic_write(path) as temporary, temporary.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["stroke", *stroke.parameters, "red", "green", "blue"])
            for number, one in enumerate(painting.strokes):
                record = to_record(stroke, one[: stroke.shape_dim])
                shape = (record[name] for name in stroke.parameters)
                table.writerow([number, *shape, *one[stroke.shape_dim :].tolist()])
        return path
