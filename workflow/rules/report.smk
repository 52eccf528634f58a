# The study on one page.

from dataclasses import asdict


localrules:
    report,


rule report:
    input:
        table=f"{RESULTS}/{paths.RESULTS_PARQUET}",
        claims=f"{RESULTS}/{paths.CLAIMS}",
        data=DATA,
        prediction=f"{RESULTS}/{paths.PREDICTION}",
        intervention=INTERVENTION,
        pictures=expand(f"{PICTURES}/{{figure}}.svg", figure=FIGURES),
        notes=f"{PICTURES}/{paths.NOTES}",
        summary=f"{RESULTS}/{paths.SUMMARY}",  # not read, but the job that made it is told
    output:
        page=f"{RESULTS}/{paths.REPORT}",
        provenance=f"{RESULTS}/{paths.PROVENANCE}",
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{BENCHMARKS}/report.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        intervention=lambda wildcards: ["--intervention", INTERVENTION[0]] if INTERVENTION else [],
        machine=untracked(*FOLDER),
        figures=subpath(input.notes, parent=True),
        study=lambda wildcards: as_json(asdict(study) | {"grids": study.grids()}),
        stages=as_json({stage: settings.digest_of(study, stage) for stage in settings.stages_of(study)}),
        page=files_digest(*sorted((paths.PACKAGE / "report").glob("page.*"))),
        code=settings.digest_of(study, "report"),
        environment=environment("analysis"),
    shell:
        "python -m feature_diversity report --code {params.code:q} --table {input.table:q} --claims {input.claims:q} "
        "--data {input.data:q} {params.machine} --prediction {input.prediction:q} --figures {params.figures:q} "
        "{params.intervention:q} --study @<(printf %s {params.study:q}) "
        "--stages {params.stages:q} --output {output.page:q} --provenance {output.provenance:q} > {log:q} 2>&1"
