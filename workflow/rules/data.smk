# The data set, divided once for all runs.


rule data:
    output:
        data=DATA,
        held_out=f"{RESULTS}/held_out.csv",
    log:
        f"{RESULTS}/logs/data.log",
    benchmark:
        f"{RESULTS}/benchmarks/data.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        dataset=as_json(study.dataset),
        code=code_digest("data.prepare", f"data.sources.{study.dataset['name']}"),
        environment=environment("train"),
    shell:
        'python -m feature_diversity data --folder "$DATA_FOLDER" --dataset {params.dataset:q} '
        "--output {output.data:q} --held-out {output.held_out:q} --threads {threads} > {log:q} 2>&1"
