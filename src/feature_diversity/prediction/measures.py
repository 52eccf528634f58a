"""What is asked to predict the error: measures of features, and baselines that need no features.

Each has a direction, fixed before any result is seen: +1 where more of it is expected to go with less
error, -1 where less of it is. Signs of correlations do not depend on it; choices by a measure do.
"""

from feature_diversity.measures.companions import table

# What is taken of the energy in the headline reading alone; the diversity itself is taken in every reading
OF_THE_HEADLINE = {
    "delta_diversity": +1,
    "excess": -1,
    "excess_mean": -1,
    "excess_covariance": -1,
    "excess_rest": -1,
    "effective_dimension": +1,
}

# Once a vector, with the directions of that table
COMPANIONS = {name: companion.better for name, companion in table.COMPANIONS.items()}

RANDOM = "random"  # the same for all runs: choosing by it is choosing at random

# Of a run, whatever the layer
BASELINES = {
    RANDOM: +1,
    "n_params": +1,
    "epochs": +1,
    "final_loss": -1,
    "val_error": -1,
    "knn_test_error": -1,
}
INITIAL = "diversity_at_initialisation"  # of the same network, untrained; headline reading, in each layer
