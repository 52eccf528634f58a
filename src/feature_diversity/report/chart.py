"""The page's interactive scatter: its specification, and the JavaScript that draws it without a network.

`page.js` fills in the points.
"""

from functools import cache
from typing import Any

import altair as alt
import vl_convert

from feature_diversity.base.run import RUN
from feature_diversity.figures.style import COLOURS

COLOUR_RANGE = [colour for colour in COLOURS if colour != "#000000"]  # black is the page's ink
SHAPES = [
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "triangle-down",
    "cross",
    "triangle-left",
    "triangle-right",
]


def scatter() -> dict[str, Any]:
    """Vega-Lite's specification; the page fills in the points and the titles of what was chosen."""
    hover = [alt.Tooltip(f"{name}:N") for name in RUN]
    chart = (
        alt.Chart(alt.NamedData("points"))
        .mark_point(filled=True, opacity=0.75, size=60)
        .encode(
            x=alt.X("x:Q").scale(zero=False, nice=True),
            y=alt.Y("y:Q").scale(zero=False, nice=True),
            color=alt.Color("colour:N").scale(range=COLOUR_RANGE),
            shape=alt.Shape("colour:N").scale(range=SHAPES),
            tooltip=[alt.Tooltip("x:Q", format=".4~g"), alt.Tooltip("y:Q", format=".4~g"), *hover],
        )
        .add_params(alt.selection_interval(bind="scales", name="zoom", zoom="wheel![event.ctrlKey]"))
        .properties(width="container", height=400)
    )
    with alt.data_transformers.enable(max_rows=None):
        return chart.to_dict()


@cache
def library() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script."""
    return vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub forgets the default
