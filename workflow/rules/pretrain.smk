# Training a network. A training that was done already, by this or another Snakemake, study or checkout, is found in
# the store of trainings, and one that was interrupted goes on from its state there.

# What several processes ask SLURM for, beside the threads of each. The stage starts them itself, on several machines
# by srun; the plugin's srun, which it starts jobs with, would be in the way of that; `mpi` keeps it away.
if NODES > 1:
    GPUS = dict(nodes=NODES, tasks=PROCESSES, gres=f"gpu:{PROCESSES // NODES}", tasks_per_gpu=0, mpi="srun")
elif PROCESSES > 1:
    GPUS = dict(gpu=PROCESSES, cpus_per_task=lambda wildcards, threads: threads * PROCESSES)
else:
    GPUS = dict(gpu=1) if config["gpus"] else {}


rule pretrain:
    input:
        data=DATA,
        references=references,
    output:
        models=MODELS,
        histories=of_job(paths.HISTORY),
    log:
        f"{LOGS}/pretrain/{JOB}.log",
    benchmark:
        f"{BENCHMARKS}/pretrain/{JOB}.tsv"
    priority: 1  # the longest jobs first, so that no core waits for the last of them
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        **GPUS,
        mem_mb=training_memory,
        runtime=training_minutes,
    params:
        machine=untracked(
            *FOLDER, *STORE, "--gpus", config["gpus"], "--nodes", NODES, *split(config["training_options"])
        ),
        network=networks,
        recipe=recipe,
        penalty=penalty,
        reference=reference_options,
        log=["--log-every", study.log_every] if study.log_every else [],
        epochs=SNAPSHOTS,
        code=code("pretrain"),
        environment=environment("train"),
    shell:
        "python -m feature_diversity pretrain --data {input.data:q} "
        "--network {params.network:q} --recipe {params.recipe:q} {params.penalty:q} {params.reference:q} {params.log:q} --code {params.code:q} "
        "--epochs {params.epochs:q} --models {output.models:q} --histories {output.histories:q} "
        "{params.machine} --threads {threads} > {log:q} 2>&1"
