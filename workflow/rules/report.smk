# The study on one page.

from dataclasses import asdict

MODULES = [
    "data.prepare",
    "training.loop",
    "evaluation.features",
    "measures.of_layers",
    "evaluation.linear",
    "results.collect",
    "claims.judge",
    "figures.draw",
    "report.content",
]


localrules:
    report,


rule report:
    input:
        table=f"{RESULTS}/results.parquet",
        claims=f"{RESULTS}/claims.csv",
        pictures=expand(f"{RESULTS}/figures/{{figure}}.svg", figure=FIGURES),
        notes=f"{RESULTS}/figures/notes.json",
        summary=f"{RESULTS}/summary.txt",  # not read, but the job that made it is told
    output:
        page=f"{RESULTS}/report.html",
        provenance=f"{RESULTS}/provenance.json",
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        figures=subpath(input.notes, parent=True),
        study=as_json(asdict(study) | {"grids": study.grids()}),
        stages=as_json({module: code_digest(module) for module in MODULES}),
        page=files_digest(*sorted((ROOT / "src/feature_diversity/report").glob("page.*"))),
        code=code_digest("report.content"),
        environment=environment("analysis"),
    shell:
        "python -m feature_diversity report --table {input.table:q} --claims {input.claims:q} "
        "--figures {params.figures:q} --study {params.study:q} --code {params.stages:q} --output {output.page:q} "
        "--provenance {output.provenance:q} > {log:q} 2>&1"
