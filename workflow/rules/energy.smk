# Energy and companion measures, for all runs of a training in one process, all layers and readings at once.


rule energy:
    input:
        [path for file in FEATURES for path in of_training(file)],
    output:
        energy=of_training("energy.csv"),
        measures=of_training("measures.csv"),
    log:
        f"{RESULTS}/logs/energy/{TRAINING}.log",
    benchmark:
        f"{RESULTS}/benchmarks/energy/{TRAINING}.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        features=lambda wildcards, output: [str(Path(path).parent / "features") for path in output.energy],
        options=as_json(study.energy | {"layers": study.layers}),
        second="--second" if study.dataset["held_out_2"] else "",
        code=code_digest("measures.of_layers"),
        environment=environment("analysis"),
    shell:
        "python -m feature_diversity energy --features {params.features:q} --options {params.options:q} "
        "{params.second} --energy {output.energy:q} --measures {output.measures:q} > {log:q} 2>&1"
