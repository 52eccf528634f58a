# Does the diversity of what a self-supervised network learns tell how well it will generalise?
#
#   snakemake --cores all                                    the study named in config.yaml
#   snakemake --cores all --config study=fashion_mnist       another one
#   snakemake -n                                             what would run, and why

import gc
import time

from snakemake.utils import min_version

min_version("9.20")
STARTED = time.time()
# The graph of ten thousand runs is millions of objects that stay: looking for garbage among them takes a fifth of
# the time.
gc.set_threshold(5_000_000, 50, 50)


configfile: "config.yaml"


# with --sdm apptainer; see envs/apptainer.def
container: "envs/feature-diversity.sif"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: f"workflow/rules/{MAKER}.smk"
include: "workflow/rules/extract.smk"
include: "workflow/rules/energy.smk"
include: "workflow/rules/linear_eval.smk"
include: "workflow/rules/pixels.smk"


if OUTCOMES:

    include: "workflow/rules/outcomes.smk"


include: "workflow/rules/tabulate.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/predict.smk"


if INTERVENTION:

    include: "workflow/rules/intervention.smk"


include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.figures.output,
        rules.claims.output,
        rules.predict.output,
        INTERVENTION,
        rules.report.output,
        rules.summary.output,
        # named here as well, so that one that was lost is made anew, and what hangs on it with it
        of_study(paths.MODEL),
        of_study(paths.ENERGY),
        of_study(paths.MEASURES),
        LINEAR,
        OUTCOMES,
        PIXELS,


onstart:
    if sys.stdin.isatty():
        wait_for_log()
        from feature_diversity.planning.replaced import ask_to_replace  # loads pandas

        try:
            ask_to_replace(study, Path(RESULTS))
        except InputError as error:
            raise WorkflowError(str(error)) from None


onsuccess:
    summary = Path(rules.summary.output[0])
    if summary.exists() and summary.stat().st_mtime > STARTED:
        wait_for_log()
        print(summary.read_text())
