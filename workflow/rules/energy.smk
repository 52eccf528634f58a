# Energy and companion measures, for all runs of a job in one process, all layers and readings at once.


rule energy:
    input:
        [path for file in FEATURES for path in of_job(file)],
    output:
        energy=of_job(paths.ENERGY),
        measures=of_job(paths.MEASURES),
    log:
        f"{LOGS}/energy/{JOB}.log",
    benchmark:
        f"{BENCHMARKS}/energy/{JOB}.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=4000 if study.energy["measure_images"] else 2000,
        runtime=30,
    params:
        features=features_folders,
        layers=join(study.layers),
        powers=join(map(str, study.energy["powers"])),
        vectors=join(study.energy["vectors"]),
        centred=join(map(as_json, study.energy["centred"])),
        second="--second" if study.dataset["held_out_2"] else "",
        further="--further" if study.energy["measure_images"] else "",
        code=settings.digest_of(study, "energy"),
        environment=environment("analysis"),
    shell:
        "python -m feature_diversity energy --code {params.code:q} --features {params.features:q} --layers {params.layers} "
        "--powers {params.powers} --vectors {params.vectors} --centred {params.centred} {params.second} {params.further} "
        "--energy {output.energy:q} --measures {output.measures:q} > {log:q} 2>&1"
