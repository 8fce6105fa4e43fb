"""Sets too large to decode before: shards, hub, images decoded as they are needed."""
