"""How results look: names, colours, markers and the settings of matplotlib, for figures and report alike.

Colours are Okabe and Ito's (https://jfly.uni-koeln.de/color), which colour-blind readers can tell apart.
Colour never stands alone: a marker or a line style says the same, so that a grey print can be read.
"""

NAMES = {
    "supervised": "Supervised",
    "simclr": "SimCLR",
    "deepclusterv2": "DeepClusterV2",
    "jigsaw": "Jigsaw",
    "rotnet": "RotNet",
    "npid": "NPID",
    "pirl": "PIRL",
    "vicreg": "VICReg",
    "barlow_twins": "Barlow Twins",
    "align_uniform": "Align + uniform",
    "simsiam": "SimSiam",
    "byol": "BYOL",
    "mocov2": "MoCo v2",
    "swav": "SwAV",
    "lejepa": "LeJEPA",
    "dino": "DINO",
    "batchnorm": "BatchNorm",
    "layernorm": "LayerNorm",
}
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#999999"]
ALGORITHMS = {  # the same look in every figure of every study
    "supervised": ("#000000", "*"),
    "simclr": ("#0072B2", "o"),
    "deepclusterv2": ("#E69F00", "s"),
    "jigsaw": ("#009E73", "D"),
    "rotnet": ("#CC79A7", "^"),
    "npid": ("#56B4E9", "v"),
    "pirl": ("#D55E00", "P"),
    "vicreg": ("#0072B2", "X"),
    "barlow_twins": ("#E69F00", "<"),
    "align_uniform": ("#009E73", ">"),
    "simsiam": ("#CC79A7", "p"),
    "byol": ("#56B4E9", "h"),
    "mocov2": ("#D55E00", "8"),
    "swav": ("#009E73", "H"),
    "lejepa": ("#0072B2", "p"),  # matplotlib has no shape left
    "dino": ("#E69F00", "d"),
}
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*", "<", ">"]
LINES = ["-", "--", ":", "-."]
SEQUENTIAL = "viridis_r"  # for what has an order: light is little, dark is much, in grey as well
DIVERGING = "PuOr"

MATPLOTLIB = {
    "font.size": 8, "axes.titlesize": 8.5, "axes.labelsize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7,
    "legend.fontsize": 7.5, "legend.frameon": False, "legend.title_fontsize": 7.5,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6, "axes.axisbelow": True,
    "axes.grid": True, "grid.alpha": 0.35, "grid.linewidth": 0.4, "lines.linewidth": 1.1,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "figure.dpi": 200,
    "svg.hashsalt": "feature-diversity", "svg.fonttype": "none", "pdf.fonttype": 42,
}  # fmt: skip
PAGE = 7.2  # inches: the width of a page's text


def look_of(algorithms: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Colour and marker of each algorithm, in the order of NAMES.

    Those of other names follow: grey beside algorithms of this package, in colours of their own without.
    """
    known = [name for name in ALGORITHMS if name in algorithms]
    others = sorted(set(algorithms) - set(known))
    free = [marker for marker in MARKERS if marker not in {ALGORITHMS[name][1] for name in known}]
    looks = {name: ALGORITHMS[name] for name in known}
    colours = ["#999999"] if known else COLOURS
    looks |= {
        name: (colours[place % len(colours)], free[place % len(free)]) for place, name in enumerate(others)
    }
    return {name: look[0] for name, look in looks.items()}, {name: look[1] for name, look in looks.items()}
