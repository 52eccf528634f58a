"""The table of results: collected, read, one reading chosen, told in a few lines."""
