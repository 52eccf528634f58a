"""Released checkpoints: their table, their download, their layouts, and their conversion."""
