# Errors on corrupted images, with few labels, and on other data sets, for all runs of a job that are judged by them, in
# one process.


rule outcomes:
    input:
        data=DATA,
        others=OTHERS_DATA,
        models=of_job(paths.MODEL, JUDGED),
        linear=of_job(paths.LINEAR, JUDGED),
    output:
        of_job(paths.OUTCOMES, JUDGED),
    log:
        f"{LOGS}/outcomes/{JOB}.log",
    benchmark:
        f"{BENCHMARKS}/outcomes/{JOB}.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=outcomes_memory,
        runtime=120,
    params:
        machine=untracked(*FOLDER),
        options=at_hand(lambda wildcards: as_json(study.outcomes)),  # which may have braces
        others=["--others", *OTHERS_DATA] if OTHERS_DATA else [],
        code=code("outcomes"),
        environment=environment("train"),
    shell:
        "python -m feature_diversity outcomes --code {params.code:q} --data {input.data:q} {params.machine} "
        "--models {input.models:q} --linear {input.linear:q} --options {params.options:q} {params.others:q} "
        "--outputs {output:q} "
        "--threads {threads} > {log:q} 2>&1"
