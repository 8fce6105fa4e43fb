"""The domain of painting in plain torch: strokes, renderers, environment, rewards, painters.

Nothing here knows Lightning or Hydra, and importing a module touches no file, device or random
state.
"""
