"""Training by VISSL itself: which runs it can train, its configuration, its process, its checkpoints."""
