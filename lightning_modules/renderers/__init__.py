"""Neural renderers that learn strokes, one file each."""
