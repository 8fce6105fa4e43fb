"""Training batches without end; sets too large to decode before: shards and the hub."""
