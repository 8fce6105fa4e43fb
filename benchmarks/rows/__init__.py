"""The rows of the table, in its order: importing them makes them known to `benchmarks.registry`."""

from benchmarks.rows import strokes, training, pictures, runs, growing, gpu  # noqa: F401, I001
