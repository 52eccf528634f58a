# All runs of the study in one table.


localrules:
    tabulate,


rule tabulate:
    input:
        models=of_study("model.safetensors"),
        energy=of_study("energy.csv"),
        measures=of_study("measures.csv"),
        linear=LINEAR,
    output:
        csv=f"{RESULTS}/results.csv",
        parquet=f"{RESULTS}/results.parquet",
    log:
        f"{RESULTS}/logs/tabulate.log",
    benchmark:
        f"{RESULTS}/benchmarks/tabulate.tsv"
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
        code=code_digest("results.collect"),
        environment=environment("analysis"),
    shell:
        "python -m feature_diversity tabulate --results {params.results:q} --figures {params.figures:q} "
        "--runs {params.runs:q} --error-source {params.error_source:q} "
        "--early-stopping {params.early_stopping:q} "
        "--csv {output.csv:q} --parquet {output.parquet:q} > {log:q} 2>&1"
