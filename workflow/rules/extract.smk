# Features of the held-out images, for all runs of a job in one process.

LAYERS = [paths.ORIGIN, *(f"{layer}.npy" for layer in study.layers)]
LAYERS += [f"views_{layer}.npy" for layer in ("trunk", "head") if layer in study.layers]
if study.dataset["held_out_2"]:
    LAYERS += [f"{paths.SECOND}/{file}" for file in LAYERS[1:]]
if study.energy["measure_images"]:
    LAYERS += [f"{paths.FURTHER}/{layer}.npy" for layer in study.layers]


# All features of a run are one output, their folder: Snakemake takes its time for each file that a rule names. But
# large maps are the one thing that a study may not want to keep; then each file is an output, those for a while.
MAPS = {f"{layer}.npy" for layer in study.layers if layer not in ("trunk", "head")}
if study.keep_features == "all":
    FEATURES = {paths.FEATURES: directory}
else:
    FEATURES = {f"{paths.FEATURES}/{file}": temp if Path(file).name in MAPS else str for file in LAYERS}


rule extract:
    input:
        data=DATA,
        models=MODELS,
    output:
        [kind(path) for file, kind in FEATURES.items() for path in of_job(file)],
    log:
        f"{LOGS}/extract/{JOB}.log",
    benchmark:
        f"{BENCHMARKS}/extract/{JOB}.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=extraction_memory,
        runtime=60,
    params:
        machine=untracked(*FOLDER),
        layers=join(study.layers),
        further=f"--measure-images {study.energy['measure_images']}" if study.energy["measure_images"] else "",
        code=code("extract"),
        environment=environment("train"),
    shell:
        "python -m feature_diversity extract --code {params.code:q} --data {input.data:q} {params.machine} "
        "--models {input.models:q} --layers {params.layers} {params.further} --threads {threads} > {log:q} 2>&1"
