# The data set, divided once for all runs.


rule data:
    output:
        DATA,
    log:
        f"{RESULTS}/logs/data.log",
    benchmark:
        f"{RESULTS}/benchmarks/data.tsv"
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        folder=config["data"],
        dataset=as_json(study.dataset),
        code=code_of("prepare"),
        environment=environment("train"),
    shell:
        "python -m feature_diversity data --folder {params.folder:q} --dataset {params.dataset:q} "
        "--output {output:q} > {log:q} 2>&1"
