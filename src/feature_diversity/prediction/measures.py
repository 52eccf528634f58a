"""What is asked to predict the error: measures of features, and baselines that need no features.

Each has a direction, fixed before any result is seen: +1 where more of it is expected to go with less
error, -1 where less of it is. Signs of correlations do not depend on it; choices by a measure do.
"""

# What is taken of the energy in the headline reading alone; the diversity itself is taken in every reading
OF_THE_HEADLINE = {
    "delta_diversity": +1,
    "excess": -1,
    "excess_mean": -1,
    "excess_covariance": -1,
    "excess_rest": -1,
    "effective_dimension": +1,
}

# Companions, once a vector; directions as their authors state them
COMPANIONS = {
    "uniformity": -1,  # a loss (Wang & Isola 2020)
    "alignment": -1,  # a loss (Wang & Isola 2020)
    "mean_cosine": -1,  # less similar is more diverse
    "resultant_length": -1,  # 0 is balanced
    "rankme": +1,  # Garrido et al. 2023
    "effective_rank": +1,  # Roy & Vetterli 2007
    "alpha_req": -1,  # slower decay is richer (Agrawal et al. 2022)
    "nesum": +1,  # He & Ozay 2022
    "stable_rank": +1,
    "participation_ratio": +1,
    "vendi_q1": +1,  # Friedman & Dieng 2023
    "vendi_q2": +1,
    "vendi_qinf": +1,
    "wasserstein_uniformity": -1,  # a distance from uniform (Fang et al. 2024)
    "linear_cka_with_head": -1,  # what the pretext task shaped less
}

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
