# The data set, divided once for all runs.


rule data:
    output:
        data=DATA,
        held_out=f"{RESULTS}/{paths.HELD_OUT}",
    log:
        f"{LOGS}/data.log",
    benchmark:
        f"{BENCHMARKS}/data.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        machine=untracked(*FOLDER),
        dataset=as_json(study.dataset),
        code=settings.digest_of(study, "data"),
        environment=environment("train"),
    shell:
        "python -m feature_diversity data --code {params.code:q} {params.machine} --dataset {params.dataset:q} "
        "--output {output.data:q} --held-out {output.held_out:q} --threads {threads} > {log:q} 2>&1"
