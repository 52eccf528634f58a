# Training a network. Its state lies in a folder `resume` beside the outputs: a job that was
# interrupted goes on from there.


rule pretrain:
    input:
        DATA,
    output:
        models=of_training("model.safetensors"),
        histories=of_training("history.csv"),
    log:
        f"{RESULTS}/logs/pretrain/{TRAINING}.log",
    benchmark:
        f"{RESULTS}/benchmarks/pretrain/{TRAINING}.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=training_memory,
        runtime=training_minutes,
    params:
        network=network,
        recipe=recipe,
        epochs=SNAPSHOTS if study.schedule == "trajectory" else lambda wildcards: wildcards.epochs,
        code=code("pretrain"),
        environment=environment("train"),
    shell:
        "python -m feature_diversity pretrain --data {input:q} --run {params.network:q} "
        "--epochs {params.epochs:q} --models {output.models:q} --histories {output.histories:q} "
        "--recipe {params.recipe:q} --code {params.code:q} --threads {threads} > {log:q} 2>&1"
