"""The figures: one function a figure, from the table of results to a picture."""
