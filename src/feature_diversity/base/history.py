"""A training's history: a table with a row for each epoch."""

# epoch: from 1 on. loss: mean over its steps. learning_rate: of its last step. images_per_second: trained on.
COLUMNS = ("epoch", "loss", "learning_rate", "images_per_second")
