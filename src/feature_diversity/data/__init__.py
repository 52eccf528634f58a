"""Data sets: where they come from (`sources`), how they are divided (`splits`), their file (`store`)."""
