"""A training's history: a table with a row for each epoch."""

from feature_diversity.base.layers import LAYERS

# epoch: from 1 on. loss: mean over its steps, without any penalty. learning_rate: of its last step.
# images_per_second: trained on.
COLUMNS = ("epoch", "loss", "learning_rate", "images_per_second")
DEAD_UNITS, GRADIENT_NORMS = "dead_units", "gradient_norms"


def excess_column(layer: str) -> str:
    """Column of a layer's excess energy over uniform directions, see PENALTY_COLUMNS."""
    return f"excess_{layer}"


# Of trainings with log_every alone: measures of the features of LOGGED_IMAGES training images as they are, in
# eval mode, nan in epochs that are not logged and where they are not defined.
LOGGED_IMAGES = 500
LOGGED_LAYERS = ("trunk", "head")
LOGGED_MEASURES = ("diversity", "mean_cosine", "rankme", "participation_ratio")
LOG_COLUMNS = tuple(f"{measure}_{layer}" for layer in LOGGED_LAYERS for measure in LOGGED_MEASURES)

# Of trainings with a penalty alone. excess: of a batch's pooled features, s = 1, one view an image; mean over
# steps, nan where no uniform directions have an energy (two channels and fewer). dead_units: share of the
# layer's channels that are 0 for all images of a batch, mean over steps. penalty: mean over steps.
# gradient_norms: of the penalty's gradient on the layer's features, one number a step, with spaces between.
PENALTY_COLUMNS = (*map(excess_column, LAYERS), DEAD_UNITS, "penalty", GRADIENT_NORMS)
