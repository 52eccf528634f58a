# The data set, divided once for all runs; and the other ones of the outcome `transfer`, likewise.

DATA_SETS = {"": study.dataset} | {f"_{name}": dataset for name, dataset in study.transfer.items()}


rule data:
    output:
        data=f"{RESULTS}/{with_other(paths.DATA)}",
        held_out=f"{RESULTS}/{with_other(paths.HELD_OUT)}",
    log:
        f"{LOGS}/data{{other}}.log",
    benchmark:
        f"{BENCHMARKS}/data{{other}}.tsv"
    wildcard_constraints:
        other="(?:_[a-z][a-z0-9]*)?",
    conda:
        "../../envs/train.yaml"
    threads: 4
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        machine=untracked(*FOLDER),
        dataset=at_hand(lambda wildcards: as_json(DATA_SETS[wildcards.other])),
        code=at_hand(lambda wildcards: settings.data_digest(DATA_SETS[wildcards.other]["name"])),
        environment=environment("train"),
    shell:
        "python -m feature_diversity data --code {params.code:q} {params.machine} --dataset {params.dataset:q} "
        "--output {output.data:q} --held-out {output.held_out:q} --threads {threads} > {log:q} 2>&1"
