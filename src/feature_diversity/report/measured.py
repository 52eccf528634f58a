"""A small page about measured networks: the chart of a measure over layers, and the table below it."""

from pathlib import Path
from typing import Any

import altair as alt
import jinja2
import pandas as pd
from markupsafe import Markup

from feature_diversity.report.chart import COLOUR_RANGE, SHAPES, library
from feature_diversity.report.page import significant

HERE = Path(__file__).parent


def measured_page(table: pd.DataFrame, images: str, notes: list[str]) -> str:
    """The page as HTML, which needs no network.

    Args:
        table: rows of `networks.others.measure.measure`, with the column `model`, the network's name.
        images: where they come from.
        notes: sentences to be read before the numbers.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["significant"] = significant
    first = table[table["measure"] == table["measure"].iloc[0]]
    return environment.get_template("measured.html").render(
        images=images,
        counts=sorted(set(table["n_images"])),
        models=list(table["model"].unique()),
        notes=notes,
        name=first["measure"].iloc[0],
        rows=first.to_dict("records"),
        chart=lines(table),
        style=Markup((HERE / "page.css").read_text(encoding="utf-8")),
        library=Markup(library()),
    )


def lines(table: pd.DataFrame) -> dict[str, Any]:
    """Vega-Lite's specification: a measure over the layers, a line for each network; menus choose what."""
    order = list(table["layer"].unique())
    menus = {name: list(table[name].unique()) for name in ("measure", "reading")}
    chosen = [
        alt.param(
            name=f"{name}_shown",
            value=values[0],
            bind=alt.binding_select(options=values, name=f"{name} "),
        )
        for name, values in menus.items()
    ]
    shown = "datum.measure === measure_shown && datum.reading === reading_shown"
    rows = table.assign(
        place=table["layer"].map(order.index),
        low=table["value"] - table["standard_error"].fillna(0),
        high=table["value"] + table["standard_error"].fillna(0),
    )
    x = alt.X("layer:N").sort(order).axis(labelAngle=-40, title=None)
    colour = alt.Color("model:N").scale(range=COLOUR_RANGE).legend(orient="bottom", columns=1, labelLimit=900)
    shape = alt.Shape("model:N").scale(range=SHAPES).legend(None)
    number = ".4~g"
    tooltip = [
        "model:N",
        "layer:N",
        alt.Tooltip("value:Q", format=number),
        alt.Tooltip("standard_error:Q", format=number),
    ]
    base = alt.Chart(alt.NamedData("rows")).transform_filter(shown).encode(x=x, color=colour)
    y = alt.Y("value:Q").scale(zero=False).title("value ± standard error")
    chart = (
        alt.layer(
            base.mark_line(opacity=0.5).encode(y=y, order="place:Q"),
            base.mark_rule().encode(y="low:Q", y2="high:Q"),
            base.mark_point(filled=True, size=60).encode(y=y, shape=shape, tooltip=tooltip),
        )
        .add_params(*chosen)
        .properties(width="container", height=320)
    )
    finite = rows.replace([float("inf"), float("-inf")], float("nan"))
    specification: dict[str, Any] = chart.to_dict()
    specification["datasets"] = {"rows": finite.astype(object).where(finite.notna(), None).to_dict("records")}
    return specification
