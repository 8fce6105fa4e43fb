"""Images decoded once and kept on the disk."""
