# Training a network. Its state lies in a folder `resume` beside the outputs: a job that was
# interrupted goes on from there.

from shlex import quote

# What several processes ask SLURM for, beside the threads of each. The plugin's srun, which it starts jobs with,
# would be in the way of ours; `mpi` keeps it away.
SHARED = f"--shared {quote(config['shared_trainings'])}" if config["shared_trainings"] else ""
START = "python -m "
if NODES > 1:
    START = f"srun --nodes {NODES} --ntasks {PROCESSES} --cpu-bind=none --kill-on-bad-exit=1 {START}"
    GPUS = dict(nodes=NODES, tasks=PROCESSES, gres=f"gpu:{PROCESSES // NODES}", tasks_per_gpu=0, mpi="srun")
elif PROCESSES > 1:
    START += f"torch.distributed.run --standalone --nproc-per-node {PROCESSES} -m -- "
    GPUS = dict(gpu=PROCESSES, cpus_per_task=lambda wildcards, threads: threads * PROCESSES)
else:
    GPUS = dict(gpu=1) if config["gpus"] else {}


rule pretrain:
    input:
        DATA,
    output:
        models=MODELS,
        histories=of_training(paths.HISTORY),
    log:
        f"{LOGS}/pretrain/{TRAINING}.log",
    benchmark:
        f"{BENCHMARKS}/pretrain/{TRAINING}.tsv"
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
        code=code("pretrain"),
        environment=environment("train"),
    shell:
        "{START}feature_diversity pretrain --data {input:q} --folder {config[data]:q} --run {params.network:q} "
        "--epochs {params.epochs:q} --models {output.models:q} --histories {output.histories:q} "
        "--recipe {params.recipe:q} --code {params.code:q} --threads {threads} "
        "{SHARED} {config[training_options]} > {log:q} 2>&1"
