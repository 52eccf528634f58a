# What people look at.


localrules:
    figures,
    summary,


FIGURES = [*study.figures, "layers", "untrained", "measures", "cosine"]


rule figures:
    input:
        f"{RESULTS}/results.csv",
    output:
        [
            report(
                f"{RESULTS}/figures/{figure}.svg",
                caption=f"../report/{figure}.rst",
                category="The paper's figures" if figure in study.figures else "Beyond the paper",
                labels={"figure": TITLES[figure]},
            )
            for figure in FIGURES
        ],
        expand(f"{RESULTS}/figures/{{figure}}.{{ending}}", figure=FIGURES, ending=["pdf", "png"]),
        notes=f"{RESULTS}/figures/notes.json",
    log:
        f"{RESULTS}/logs/figures.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        folder=subpath(output[0], parent=True),
        figures=FIGURES,
        captions=CAPTIONS,
        code=code_digest("figures.draw"),
        environment=environment("analysis"),
    shell:
        "python -m feature_diversity figures --table {input:q} --figures {params.figures:q} "
        "--folder {params.folder:q} > {log:q} 2>&1"


rule summary:
    input:
        table=f"{RESULTS}/results.csv",
        claims=f"{RESULTS}/claims.csv",
    output:
        f"{RESULTS}/summary.txt",
    log:
        f"{RESULTS}/logs/summary.log",
    benchmark:
        f"{RESULTS}/benchmarks/summary.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        figures=f"{RESULTS}/figures",
        code=code_digest("results.text"),
        environment=environment("analysis"),
    shell:
        "python -m feature_diversity summary --table {input.table:q} --figures {params.figures:q} "
        "--claims {input.claims:q} --output {output:q} > {log:q} 2>&1"
