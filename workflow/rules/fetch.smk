# A released checkpoint instead of a training. Downloads are kept for all studies in the data folder.


import json
from dataclasses import asdict

from feature_diversity.networks.released.table import of_run
from feature_diversity.base.run import Run


def released(wildcards):
    """The run's row of the table of released checkpoints."""
    return of_run(Run(**json.loads(network(wildcards)), epochs=int(wildcards.epochs)))


rule fetch:
    output:
        f"{RUN}/model.safetensors",
    log:
        f"{RESULTS}/logs/fetch/{RUN_FOLDER}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fetch/{RUN_FOLDER}.tsv"
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=8000,
        runtime=240,
    params:
        name=lambda wildcards: released(wildcards).name,
        row=lambda wildcards: as_json(asdict(released(wildcards))),  # not read, but a changed row is fetched anew
        epochs=lambda wildcards: wildcards.epochs,
        code=code_digest("networks.released.convert"),
        environment=environment("train"),
    shell:
        'python -m feature_diversity zoo fetch {params.name:q} --cache "$DATA_FOLDER/zoo" '
        '--mirror "$ZOO_MIRROR" $ZOO_OFFLINE --epochs {params.epochs:q} --model {output:q} '
        "--code {params.code:q} > {log:q} 2>&1"
