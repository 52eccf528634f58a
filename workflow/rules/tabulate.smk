# All runs of the study in one table.

from shlex import quote


localrules:
    tabulate,


IMAGE_COUNTS = [f"{RESULTS}/{paths.IMAGE_COUNTS}"] if study.energy["measure_images"] else []


rule tabulate:
    input:
        models=of_study(paths.MODEL),
        energy=of_study(paths.ENERGY),
        measures=of_study(paths.MEASURES),
        histories=of_study(paths.HISTORY) if study.engine in TRAINING else [],
        linear=LINEAR,
        outcomes=OUTCOMES,
        pixels=PIXELS,
    output:
        csv=TABLE,
        parquet=f"{RESULTS}/{paths.RESULTS_PARQUET}",
        image_counts=IMAGE_COUNTS,
    log:
        f"{LOGS}/tabulate.log",
    benchmark:
        f"{BENCHMARKS}/tabulate.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        results=subpath(output.csv, parent=True),
        figures=as_json(study.figures),
        runs=as_json(study.grids()),
        error_source=study.error_source,
        early_stopping=as_json(study.early_stopping),
        schedule=study.schedule,
        data_set=lambda wildcards: study.data_set,  # which may have braces
        expected=as_json(expected_of(study)),
        pixels=lambda wildcards, input: f"--pixels {quote(input.pixels)}" if PIXELS else "",
        image_counts=lambda wildcards, output: (
            ["--image-counts", *output.image_counts] if IMAGE_COUNTS else []
        ),
        code=settings.digest_of(study, "tabulate"),
        environment=environment("analysis"),
    shell:
        "python -m feature_diversity tabulate --code {params.code:q} --results {params.results:q} --figures @<(printf %s {params.figures:q}) "
        "--runs @<(printf %s {params.runs:q}) --error-source {params.error_source:q} "
        "--early-stopping {params.early_stopping:q} --schedule {params.schedule:q} {params.pixels} "
        "--data-set {params.data_set:q} --expected @<(printf %s {params.expected:q}) "
        "--csv {output.csv:q} --parquet {output.parquet:q} {params.image_counts:q} > {log:q} 2>&1"
