# A verdict on each of the paper's claims.


localrules:
    claims,


rule claims:
    input:
        table=f"{RESULTS}/results.csv",
        sentences=ROOT / "src/feature_diversity/verdicts/claims.yaml",
    output:
        f"{RESULTS}/claims.csv",
    log:
        f"{RESULTS}/logs/claims.log",
    benchmark:
        f"{RESULTS}/benchmarks/claims.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        code=code_digest("claims"),
        environment=environment("analysis"),
    shell:
        "python -m feature_diversity claims --table {input.table:q} --output {output:q} > {log:q} 2>&1"
