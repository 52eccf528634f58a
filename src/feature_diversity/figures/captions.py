"""Titles and captions of the figures, for the pictures, the report and Snakemake's own report."""

from feature_diversity.base.reading import HEADLINE, in_words

READING = (
    "Diversity is minus the mean hyperspherical energy of the held-out images' feature vectors "
    f"({in_words(**HEADLINE)}); test error is that of a linear classifier on the frozen trunk."
)
SEEDS = (
    "Small points are single seeds, large ones their mean, bars its 95 % interval (Student's t over seeds)."
)

GATES = (
    "An open point is a seed whose training fails a gate: a loss that did not fall, no clearly lower error "
    "than untrained or than a linear classifier on the pixels, or a collapsed head (docs/claims.md)."
)
LINES = "Lines across, where they fit: chance, the same networks untrained, a linear classifier on pixels."

TITLES = {
    "figure1": "Diversity and test error over training",
    "figure2": "Size of the network",
    "figure3": "Algorithms",
    "figure4": "Depth and norm",
    "variants": "Variants of the recipe",
    "layers": "Diversity of every layer over training",
    "parts": "What crowds the features",
    "untrained": "What training changes",
    "measures": "Label-free measures and test error",
    "cosine": "Energy and mean cosine similarity",
    "intervention": "What follows when the diversity of a layer is set",
    "image_counts": "How many images a measure needs",
    "prediction": "Does a measure tell which of two networks has the lower error?",
}

CAPTIONS = {
    "figure1": "Test error against diversity, layer by layer; lines join the numbers of epochs of one width. "
    f"Right is more diverse, down is better. {LINES} {READING} {SEEDS} {GATES}",
    "figure2": "Test error and diversity over the number of parameters of the trunk. Of each training the "
    f"network with the least validation error is shown. {LINES} {READING} {SEEDS} {GATES}",
    "figure3": "Test error against diversity of the algorithms, at one size. The head's size differs between "
    f"algorithms, the trunk's does not, so the trunk is drawn beside it. {LINES} {READING} {SEEDS} {GATES}",
    "figure4": f"Test error against diversity of networks that differ in depth and norm. {LINES} {READING} "
    f"{SEEDS} {GATES}",
    "variants": f"Test error against diversity of networks that differ in the variant of their recipe. "
    f"{LINES} {READING} {SEEDS} {GATES}",
    "intervention": "On the left, what each dose delivered on held-out images: the excess of the layer's "
    "energy over that of uniform directions, divided by the untreated run's of the same seed. On the right, "
    "the test error that followed. Points are means over seeds, bars 95 % intervals (Student's t); placebos, "
    "which pull as hard at nothing, are grey (docs/interventions.md).",
    "layers": "Mean diversity by layer and number of epochs, a panel for each width, of figure 1's runs.",
    "parts": "The excess of the energy over that of uniform directions, divided into its parts: a mean "
    "direction (a cone), directions that are used more than others (the covariance), and the rest (clusters, "
    "near-duplicates). Bars are means over all runs of that number of epochs; what lies below 0 counts "
    "against what lies above (docs/energy.md).",
    "untrained": "Each network beside itself before training, with the same seed: change of test error, and "
    "energy before training divided by energy after it. The line is the untrained control; above it training "
    f"made features more diverse. {SEEDS} {GATES}",
    "measures": "Spearman's correlation of each label-free measure with the test error, layer by layer, over "
    "trained networks (means over seeds). Infinite energies take the last rank. Negative: more goes with "
    "less error.",
    "cosine": "Energy against one minus the mean cosine similarity of pairs. By Jensen's inequality no "
    "energy lies below the line; on it, the energy says nothing that the mean cosine does not.",
    "image_counts": "Label-free measures of the pooled features of growing numbers of test images, as "
    "shares of their value with all of them; the first number is that of the held-out images. Lines are "
    "means over trained networks, bars one standard deviation. A line that has not come to rest says that "
    "the measure needs more images; an energy is unbiased with any number.",
    "prediction": "Share of pairs of networks that a measure orders as their test errors are, by the one "
    "axis in which the two differ. Left: networks that differ in nothing but their seed, the only pairs "
    "whose order is not the doing of something that was chosen. Right: along the axes of the study, where "
    "the axis may move measure and error alike. Below the line: what needs no features. 50 % is a coin.",
}
