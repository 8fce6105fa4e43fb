"""Coverage of strokes in pixels, exact and differentiable."""
