"""`python -m feature_diversity STAGE ...`: every stage of the workflow as a command."""

import importlib
import sys

from feature_diversity.base import timing as progress  # noqa: F401  first: it notes when the process began
from feature_diversity.base.errors import InputError
from feature_diversity.base.files import WRITTEN

# Stages are imported when called, so that the energy stage starts without loading torch.
STAGES = {
    "plan": "what a study takes, what of it is done, what would run and why",
    "data": "prepare the images of a data set: splits, held-out images",
    "pretrain": "train one network, from scratch or from where it was interrupted",
    "zoo": "list released checkpoints, fetch them instead of training",
    "vissl": "train one network with VISSL's own engine, in its own environment",
    "extract": "features of the held-out images at the recorded layers",
    "energy": "hyperspherical energy and companion measures of those features",
    "linear_eval": "error of a linear classifier on the frozen trunk",
    "tabulate": "collect all runs of a study in one table",
    "claims": "judge the claims of the paper on the table",
    "figures": "draw the figures from the table",
    "report": "write the page: figures, verdicts, runs, provenance",
    "summary": "print what a study found and where to look",
    "export": "write a trunk for torchvision, timm or VISSL",
    "stale": "results of runs that are in no study any more, and their sizes",
    "clean_resume": "remove the states of trainings that nothing will go on from",
}
MODULES = {
    "plan": "commands.plan",
    "data": "stages.data",
    "pretrain": "stages.pretrain",
    "zoo": "stages.zoo",
    "vissl": "stages.vissl",
    "extract": "evaluation.features",
    "energy": "measures.of_layers",
    "linear_eval": "evaluation.linear",
    "tabulate": "results.collect",
    "claims": "claims.judge",
    "figures": "figures.draw",
    "report": "report.content",
    "summary": "results.text",
    "export": "commands.export",
    "stale": "commands.stale",
    "clean_resume": "commands.clean_resume",
}


def main() -> int:
    """Run the stage named by the first argument; 0 when it went well, 1 for bad input, 2 for bad usage."""
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print("usage: python -m feature_diversity STAGE [--help] ...\n\nstages:")
        print("\n".join(f"  {name:<12} {text}" for name, text in STAGES.items()))
        return 0 if len(sys.argv) > 1 else 2
    stage, arguments = sys.argv[1], sys.argv[2:]
    if stage not in STAGES:
        print(f"error: unknown stage {stage!r}; choose from {', '.join(STAGES)}", file=sys.stderr)
        return 2
    module = MODULES[stage]
    try:
        importlib.import_module(f"feature_diversity.{module}").main(arguments)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if WRITTEN:
        from feature_diversity.records.provenance import say_record

        say_record(stage, module, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
