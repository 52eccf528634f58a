# A released checkpoint instead of a training. Downloads are kept for all studies in the data folder.


from dataclasses import asdict

from feature_diversity.networks.released.table import of_run


def released(wildcards):
    """The run's row of the table of released checkpoints."""
    return of_run(networks_of(wildcards)[0].after(int(wildcards.epochs)))


MIRROR = ["--mirror", config["mirror"]] if config["mirror"] else []
OFFLINE = ["--offline"] if config["offline"] else []


rule zoo:
    output:
        f"{RUN}/{paths.MODEL}",
    log:
        f"{LOGS}/zoo/{RUN_FOLDER}.log",
    benchmark:
        f"{BENCHMARKS}/zoo/{RUN_FOLDER}.tsv"
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=8000,
        runtime=240,
    params:
        machine=untracked("--cache", f"{config['data']}/zoo", *MIRROR, *OFFLINE),
        name=lambda wildcards: released(wildcards).name,
        row=lambda wildcards: as_json(asdict(released(wildcards))),  # not read, but a changed row is fetched anew
        epochs=lambda wildcards: wildcards.epochs,
        code=code("zoo"),
        environment=environment("train"),
    shell:
        "python -m feature_diversity zoo fetch {params.name:q} {params.machine} "
        "--epochs {params.epochs:q} --model {output:q} "
        "--code {params.code:q} > {log:q} 2>&1"
