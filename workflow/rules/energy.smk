# Energy and companion measures of a run, all layers and readings at once.


rule energy:
    input:
        [f"{RUN}/features/{file}" for file in FEATURES],
    output:
        energy=f"{RUN}/energy.csv",
        measures=f"{RUN}/measures.csv",
    log:
        f"{RESULTS}/logs/energy/{RUN_FOLDER}.log",
    benchmark:
        f"{RESULTS}/benchmarks/energy/{RUN_FOLDER}.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        features=subpath(input[0], parent=True),
        options=as_json(study.energy | {"layers": study.layers}),
        code=code_digest("diversity"),
        environment=environment("analysis"),
    shell:
        "python -m feature_diversity energy --features {params.features:q} --options {params.options:q} "
        "--energy {output.energy:q} --measures {output.measures:q} > {log:q} 2>&1"
