# What people look at.


localrules:
    figures,
    summary,


PICTURES = f"{RESULTS}/{paths.FIGURES}"
FIGURES = [*study.figures, "layers", "parts", "untrained", "measures", "cosine", "prediction"]
FIGURES += ["image_counts"] if IMAGE_COUNTS else []


rule figures:
    input:
        table=TABLE,
        prediction=f"{RESULTS}/{paths.PREDICTION}",
        image_counts=IMAGE_COUNTS,
    output:
        [
            report(
                f"{PICTURES}/{figure}.svg",
                caption=f"../report/{figure}.rst",
                category="The paper's figures" if figure.startswith("figure") else "Beyond the paper",
                labels={"figure": TITLES[figure]},
            )
            for figure in FIGURES
        ],
        expand(f"{PICTURES}/{{figure}}.{{ending}}", figure=FIGURES, ending=["pdf", "png"]),
        notes=f"{PICTURES}/{paths.NOTES}",
    log:
        f"{LOGS}/figures.log",
    benchmark:
        f"{BENCHMARKS}/figures.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        folder=subpath(output[0], parent=True),
        figures=FIGURES,
        outcome=study.outcome,
        captions=CAPTIONS,
        image_counts=["--image-counts", *IMAGE_COUNTS] if IMAGE_COUNTS else [],
        code=settings.digest_of(study, "figures"),
        environment=environment("analysis"),
    shell:
        "python -m feature_diversity figures --code {params.code:q} --table {input.table:q} --prediction {input.prediction:q} "
        "{params.image_counts:q} --outcome {params.outcome:q} --figures {params.figures:q} --folder {params.folder:q} "
        "--threads {threads} > {log:q} 2>&1"


rule summary:
    input:
        table=TABLE,
        claims=f"{RESULTS}/{paths.CLAIMS}",
        prediction=f"{RESULTS}/{paths.PREDICTION}",
        intervention=INTERVENTION[:1],
    output:
        short=f"{RESULTS}/{paths.SUMMARY}",
        verdicts=f"{RESULTS}/{paths.VERDICTS}",
    log:
        f"{LOGS}/summary.log",
    benchmark:
        f"{BENCHMARKS}/summary.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        figures=PICTURES,
        intervention=lambda wildcards: ["--intervention", INTERVENTION[0]] if INTERVENTION else [],
        code=settings.digest_of(study, "summary"),
        environment=environment("analysis"),
    shell:
        "python -m feature_diversity summary --code {params.code:q} --table {input.table:q} --figures {params.figures:q} "
        "--claims {input.claims:q} --prediction {input.prediction:q} {params.intervention:q} --output {output.short:q} "
        "--verdicts {output.verdicts:q} > {log:q} 2>&1"
