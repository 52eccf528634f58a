# A verdict on each of the paper's claims.


localrules:
    claims,


rule claims:
    input:
        table=TABLE,
        intervention=INTERVENTION[:1],
    output:
        f"{RESULTS}/{paths.CLAIMS}",
    log:
        f"{LOGS}/claims.log",
    benchmark:
        f"{BENCHMARKS}/claims.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        intervention=lambda wildcards: ["--intervention", INTERVENTION[0]] if INTERVENTION else [],
        code=settings.digest_of(study, "claims"),
        sentences=files_digest(paths.PACKAGE / "claims" / "claims.yaml"),
        environment=environment("analysis"),
    shell:
        "python -m feature_diversity claims --code {params.code:q} --table {input.table:q} {params.intervention:q} "
        "--output {output:q} > {log:q} 2>&1"
