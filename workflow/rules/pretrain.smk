# Training a network. Its state lies in a folder `resume` beside the outputs: a job that was
# interrupted goes on from there.

# What several processes ask SLURM for, beside the threads of each. The plugin's srun, which it starts jobs with,
# would be in the way of ours; `mpi` keeps it away.
if NODES > 1:
    GPUS = dict(nodes=NODES, tasks=PROCESSES, gres=f"gpu:{PROCESSES // NODES}", tasks_per_gpu=0, mpi="srun")
elif PROCESSES > 1:
    GPUS = dict(gpu=PROCESSES, cpus_per_task=lambda wildcards, threads: threads * PROCESSES)
else:
    GPUS = dict(gpu=1) if config["gpus"] else {}


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
        **GPUS,
        mem_mb=training_memory,
        runtime=training_minutes,
    params:
        network=network,
        recipe=recipe,
        epochs=SNAPSHOTS,
        code=code("training.loop"),
        environment=environment("train"),
    shell:
        "$SRUN python -m $TORCHRUN feature_diversity pretrain --data {input:q} --run {params.network:q} "
        "--epochs {params.epochs:q} --models {output.models:q} --histories {output.histories:q} "
        "--recipe {params.recipe:q} --code {params.code:q} --threads {threads} "
        '--shared "$SHARED_TRAININGS" $TRAINING_OPTIONS > {log:q} 2>&1'
