"""The page: its template filled in, with style, scripts and pictures inside."""

import json
from base64 import b64encode
from collections import Counter
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from feature_diversity.base import paths
from feature_diversity.claims.paper import FIGURES
from feature_diversity.figures.captions import CAPTIONS, TITLES
from feature_diversity.figures.style import NAMES
from feature_diversity.prediction.answer import QUESTION
from feature_diversity.report.chart import library, scatter
from feature_diversity.report.verdicts import DECIDED, VERDICTS, why_undecided
from feature_diversity.statistics.multiplicity import by_chance

HERE = Path(__file__).parent
ERROR_OVER_DIVERSITY = ("figure1", "figure3", "figure4")
LARGE = 700_000  # bytes of an SVG from which the page takes the PNG


def render(**content: Any) -> str:
    """The page as HTML. content: see `content_of`; `provenance`; `stages`, its jobs by stage."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # the page shows things in their order
    environment.filters["significant"] = significant
    environment.filters["slug"] = lambda text: text.replace(" ", "-")
    return environment.get_template("page.html").render(
        **content,
        paths=paths,
        question=QUESTION,
        main=main_picture(content["figures"]),
        about=about(content["runs"], content["study"]),
        counts=Counter(claim["verdict"] for claim in content["claims"]),
        verdicts=VERDICTS,
        decided=(decided := any(claim["verdict"] in DECIDED for claim in content["claims"])),
        DECIDED=DECIDED,
        reasons=why_undecided(content["claims"]) if decided else {},
        by_chance=by_chance(tests) if (tests := of_tests(content["claims"])) else "",
        chart=scatter(),
        style=Markup((HERE / "page.css").read_text(encoding="utf-8")),
        script=Markup((HERE / "page.js").read_text(encoding="utf-8")),
        library=Markup(library()),
    )


def of_tests(claims: list[dict[str, Any]]) -> int:
    """How many of the claims a test decides."""
    return sum(claim["basis"] == "test" for claim in claims)


def about(runs: pd.DataFrame, study: dict[str, Any]) -> dict[str, Any]:
    """The study in words."""
    sets = ", ".join(sorted(map(str, runs["dataset"].dropna().unique())))
    algorithms = [NAMES.get(name, name) for name in sorted(runs["algorithm"].dropna().unique())]
    return {
        "title": study.get("name", sets),
        "description": study.get("description", ""),
        "data": sets,
        "algorithms": algorithms,
        "seeds": int(runs["seed"].nunique()),
        "epochs": [f"{value:g}" for value in sorted(runs["epochs"].dropna().unique())],
        "networks": [f"ResNet-{value:g}" for value in sorted(runs["depth"].dropna().unique()) if value],
        "published": int(runs["error_source"].eq("published").sum()) if "error_source" in runs else 0,
    }


def figures_in(folder: Path, claims: pd.DataFrame) -> list[dict[str, Any]]:
    """Every figure: title, caption, picture as a data address, remarks, the claims that speak of it."""
    path = folder / paths.NOTES
    notes = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    headline = claims[claims["headline"].eq(True)]
    families = {figure[0]: family for family, figure in FIGURES.items() if len(figure) == 1}
    figures = []
    for name, title in TITLES.items():
        if name in ("variants", "intervention", "image_counts") and not picture(folder / name):
            continue  # few studies have them
        note = notes.get(name, {"points": 0, "text": "not drawn in this study"})
        spoken = headline[headline["family"] == families.get(name)]
        figures.append(
            {
                "name": name,
                "title": title,
                "caption": CAPTIONS[name],
                "picture": picture(folder / name),
                "points": note["points"],
                "remark": note["text"],
                "claims": spoken[["claim", "text", "verdict"]].to_dict("records"),
            }
        )
    return figures


def main_picture(figures: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The figure of error over diversity that shows most points, the first of such; None if none has any."""
    drawn = [figure for figure in figures if figure["name"] in ERROR_OVER_DIVERSITY]
    drawn = [figure for figure in drawn if figure["picture"] and figure["points"]]
    return max(drawn, key=lambda figure: figure["points"], default=None)


def picture(path: Path) -> str:
    """The picture as a data address; empty if there is none."""
    kinds = {".svg": "image/svg+xml", ".png": "image/png"}
    for ending, kind in kinds.items():
        file = path.with_suffix(ending)
        if file.exists() and (ending == ".png" or file.stat().st_size < LARGE):
            return f"data:{kind};base64,{b64encode(file.read_bytes()).decode()}"
    return ""


def significant(value: Any, digits: int = 3) -> str:
    """A number with so many digits, a dash for none, a minus sign for a hyphen."""
    if value is None or pd.isna(value):
        return "–"
    return f"{value:.{digits}g}".replace("-", "−")
