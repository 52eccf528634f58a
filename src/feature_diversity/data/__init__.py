"""Data sets: where they come from (`sources`), how they are divided (`splits`), and the prepared file (`store`)."""
