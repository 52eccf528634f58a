# The error of a linear classifier on the raw pixels, once for all runs.


rule pixels:
    input:
        DATA,
    output:
        f"{RESULTS}/{paths.PIXELS}",
    log:
        f"{LOGS}/pixels.log",
    benchmark:
        f"{BENCHMARKS}/pixels.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=8000,  # pixels.py bounds images and values, whatever the data set
        runtime=240,
    params:
        machine=untracked(*FOLDER),
        penalties=study.linear_evaluation["penalties"],
        code=settings.digest_of(study, "pixels"),
        environment=environment("train"),
    shell:
        "python -m feature_diversity pixels --code {params.code:q} --data {input:q} {params.machine} "
        "--penalties {params.penalties} --output {output:q} --threads {threads} > {log:q} 2>&1"
