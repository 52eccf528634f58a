# Linear evaluation, for all runs of a job in one process.


rule linear_eval:
    input:
        data=DATA,
        models=MODELS,
    output:
        of_job(paths.LINEAR),
    log:
        f"{LOGS}/linear_eval/{JOB}.log",
    benchmark:
        f"{BENCHMARKS}/linear_eval/{JOB}.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=linear_evaluation_memory,
        runtime=120,
    params:
        machine=untracked(*FOLDER),
        options=as_json(study.linear_evaluation),
        code=code("linear_eval"),
        environment=environment("train"),
    shell:
        "python -m feature_diversity linear_eval --code {params.code:q} --data {input.data:q} {params.machine} "
        "--models {input.models:q} --options {params.options:q} --outputs {output:q} --threads {threads} > {log:q} 2>&1"
