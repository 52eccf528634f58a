# Training a network by VISSL itself, in VISSL's own environment. It is found again and goes on as in pretrain.smk.


VISSL_PYTHON = "python" if CONDA else str(ROOT / config["vissl_python"])
if not CONDA and not Path(VISSL_PYTHON).exists():
    raise WorkflowError(
        f"{study.name}: engine 'vissl' needs VISSL's own environment, and {VISSL_PYTHON} does not "
        "exist: say `make vissl-env`, or name the python of another in config.yaml (vissl_python), or run "
        "Snakemake with --sdm conda"
    )
if NODES > 1:
    raise WorkflowError(f"nodes is {NODES}, expected 1 with engine 'vissl'")


@at_hand
def vissl_memory(wildcards, attempt):
    """Memory for VISSL, in MB: beside the training's, that of a second process with PyTorch, and VISSL's own."""
    return training_memory(wildcards, attempt) + 2000


rule vissl:
    input:
        DATA,
    output:
        models=MODELS,
        histories=of_job(paths.HISTORY),
    log:
        f"{LOGS}/vissl/{JOB}.log",
    benchmark:
        f"{BENCHMARKS}/vissl/{JOB}.tsv"
    conda:
        "../../envs/vissl.yaml"
    threads: 4 * PROCESSES
    resources:
        **(dict(gpu=PROCESSES) if config["gpus"] else {}),
        mem_mb=vissl_memory,
        runtime=training_minutes,
    params:
        python=untracked(VISSL_PYTHON),
        machine=untracked(*FOLDER, *STORE),
        network=networks,
        recipe=recipe,
        epochs=SNAPSHOTS if TRAJECTORY else lambda wildcards: wildcards.epochs,
        code=code("vissl"),
        environment=environment("vissl"),
    shell:
        "{params.python} -m feature_diversity vissl --data {input:q} "
        "--network {params.network:q} --recipe {params.recipe:q} --code {params.code:q} "
        "--epochs {params.epochs:q} --models {output.models:q} --histories {output.histories:q} "
        "{params.machine} --threads {threads} > {log:q} 2>&1"
