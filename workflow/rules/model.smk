# A network of others instead of a training: by name, with weights that are random, downloaded or in a file.

from feature_diversity.planning.models import file_of, taken


def taken_by(wildcards):
    """What the study says of the networks of the job."""
    return [taken(study, network.after(int(wildcards.epochs))) for network in networks_of(wildcards)]


rule model:
    input:
        data=DATA,
        weights=lambda wildcards: [path for said in taken_by(wildcards) for path in file_of(said)],
    output:
        MODELS,
    log:
        f"{LOGS}/model/{JOB}.log",
    benchmark:
        f"{BENCHMARKS}/model/{JOB}.tsv"
    priority: 1  # what cannot be taken is known before anything is computed
    conda:
        "../../envs/train.yaml"
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        machine=untracked(*FOLDER),
        network=networks,
        take=lambda wildcards: list(map(as_json, taken_by(wildcards))),
        epochs=lambda wildcards: wildcards.epochs,
        code=code("model"),
        environment=environment("train"),
    shell:
        "python -m feature_diversity model --data {input.data:q} {params.machine} --network {params.network:q} "
        "--epochs {params.epochs:q} --take {params.take:q} --models {output:q} --code {params.code:q} > {log:q} 2>&1"
