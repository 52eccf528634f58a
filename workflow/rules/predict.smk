# Which measure tells the error, along which axis, and how sure that is.


localrules:
    predict,


rule predict:
    input:
        f"{RESULTS}/{paths.RESULTS_PARQUET}",
    output:
        f"{RESULTS}/{paths.PREDICTION}",
    log:
        f"{LOGS}/predict.log",
    benchmark:
        f"{BENCHMARKS}/predict.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=settings.digest_of(study, "predict"),
        environment=environment("analysis"),
    shell:
        "python -m feature_diversity predict --code {params.code:q} --table {input:q} --output {output:q} > {log:q} 2>&1"
