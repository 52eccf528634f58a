# A verdict on each of the paper's claims.


localrules:
    claims,


rule claims:
    input:
        f"{RESULTS}/results.csv",
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
        code=code_digest("claims.judge"),
        sentences=files_digest(ROOT / "src/feature_diversity/claims/claims.yaml"),
        environment=environment("analysis"),
    shell:
        "python -m feature_diversity claims --table {input:q} --output {output:q} > {log:q} 2>&1"
