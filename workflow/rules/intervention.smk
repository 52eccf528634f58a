# What follows when the diversity of a layer is set: doses, placebos and levers, with the figure that shows them.


localrules:
    intervention,


rule intervention:
    input:
        TABLE,
    output:
        table=f"{RESULTS}/{paths.INTERVENTION}",
        pictures=report(
            expand(f"{RESULTS}/{paths.FIGURES}/intervention.{{ending}}", ending=["svg"]),
            caption="../report/intervention.rst",
            category="Beyond the paper",
            labels={"figure": TITLES["intervention"]},
        ),
        others=expand(f"{RESULTS}/{paths.FIGURES}/intervention.{{ending}}", ending=["pdf", "png"]),
    log:
        f"{LOGS}/intervention.log",
    benchmark:
        f"{BENCHMARKS}/intervention.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        penalties=as_json(dict.fromkeys(study.variants) | penalties_of(study)),
        captions=CAPTIONS,
        figure=f"{RESULTS}/{paths.FIGURES}/intervention",
        code=settings.digest_of(study, "intervention"),
        environment=environment("analysis"),
    shell:
        "python -m feature_diversity intervention --code {params.code:q} --table {input:q} --penalties @<(printf %s {params.penalties:q}) "
        "--output {output.table:q} --figure {params.figure:q} > {log:q} 2>&1"
