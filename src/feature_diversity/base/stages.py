"""The stages of the workflow and the commands beside them: the one list of their names.

A stage has one name everywhere: `stages/NAME.py`, the rule, the folders of its logs and benchmarks, the
command line, the report. A command is in `commands/NAME.py`, and no rule calls it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """A stage of the workflow.

    summary: what it does, for people. code: the modules, named inside the package, whose meaning makes its
    numbers, together with that of all they import.
    """

    summary: str
    code: tuple[str, ...]


STAGES = {
    "data": Stage("prepare the images of a data set: splits, held-out images", ("stages.data",)),
    "pretrain": Stage("train one network, from scratch or from where it was interrupted", ("training.loop",)),
    "vissl": Stage(
        "train one network with VISSL's own engine, in its own environment", ("vissl.run", "vissl.driver")
    ),
    "zoo": Stage("list released checkpoints, fetch them instead of training", ("networks.released.convert",)),
    "model": Stage("take a network of others: by name or from a file", ("networks.others.imported",)),
    "extract": Stage("features of the held-out images at the recorded layers", ("stages.extract",)),
    "energy": Stage("hyperspherical energy and companion measures of those features", ("stages.energy",)),
    "linear_eval": Stage("error of a linear classifier on the frozen trunk", ("stages.linear_eval",)),
    "outcomes": Stage("errors on corrupted images, with few labels, on other images", ("stages.outcomes",)),
    "pixels": Stage("error of a linear classifier on the raw pixels", ("stages.pixels",)),
    "tabulate": Stage("collect all runs of a study in one table", ("stages.tabulate",)),
    "claims": Stage("judge the claims of the paper on the table", ("stages.claims",)),
    "predict": Stage("which measure tells the error, along which axis, and how surely", ("stages.predict",)),
    "intervention": Stage("what follows when the diversity of a layer is set", ("stages.intervention",)),
    "figures": Stage("draw the figures from the table", ("stages.figures",)),
    "summary": Stage("print what a study found and where to look", ("stages.summary",)),
    "report": Stage("write the page: figures, verdicts, runs, provenance", ("stages.report",)),
}

# Engine of a study -> the stage that makes its networks
MAKERS = {"native": "pretrain", "vissl": "vissl", "zoo": "zoo", "model": "model"}
TRAINING = ("native", "vissl")  # the engines that train; the others take what was trained elsewhere

COMMANDS = {
    "new": "write a study of your own images, and say what it takes",
    "keys": "every key of a study and of the recipes, with defaults",
    "plan": "what a study takes, what of it is done, what would run and why",
    "layers": "the layers of any network, with the shapes of what they return",
    "measure": "the diversity of the layers of trained networks on a folder of images",
    "export": "write a trunk for torchvision, timm or VISSL",
    "publish": "what others need of a finished study, in one folder that can be committed",
    "reproduce": "make what was published anew, and compare",
    "stale": "results of runs in no study any more, trainings that no run uses, and their sizes",
    "clean_resume": "remove the states of trainings that nothing will go on from",
}
