"""Single-file HTML reports: charts that answer the mouse, images, a sentence with each."""

from __future__ import annotations

import dataclasses
import functools
import html
import importlib.metadata
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.errors import MissingExtraError, OutputError

if TYPE_CHECKING:
    import altair as alt

__all__ = ["Figure", "Page", "Section", "require_charts", "table_html", "write_page"]

_HERE = Path(__file__).parent
_FONT = "Inter, Segoe UI, system-ui, -apple-system, Helvetica Neue, Arial, sans-serif"
_INK = "currentColor"
"""On the page, axes and labels take the colour of the text around them, light or dark."""

_PRINTED_INK = "#1c1e22"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure.

    Attributes:
        title: A few words.
        sentence: What to see in it.
        chart: An Altair chart, or None.
        body: HTML, where the figure is no chart.
        context: What tells it apart from figures of the same title.
    """

    title: str
    sentence: str
    chart: alt.TopLevelMixin | None = None
    body: str = ""
    context: str = ""

    @property
    def name(self) -> str:
        """Context and title as part of an address or file name."""
        return re.sub(r"[\W_]+", "-", f"{self.context} {self.title}".lower()).strip("-")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Figures that belong together.

    Attributes:
        title: A few words.
        lead: A sentence or two.
        figures: In their order.
    """

    title: str
    lead: str
    figures: Sequence[Figure]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A whole report.

    Attributes:
        title: A few words.
        lead: What it is about.
        cards: The figures that one looks for first, by name.
        notes_title: What the notes are.
        notes: What a person should look at; empty if nothing.
        sections: In their order.
        provenance: What was looked at, for the last lines.
    """

    title: str
    lead: str
    cards: Mapping[str, str]
    notes_title: str
    notes: Sequence[str]
    sections: Sequence[Section]
    provenance: str


def write_page(
    page: Page, path: str | Path, *, figures: str | Path | None = None, overwrite: bool = False
) -> list[Path]:
    """Write a report as one file that needs no network.

    Args:
        page: The report.
        path: Where it goes; it appears when it is whole.
        figures: A folder for each chart as PNG and SVG, dark on white; None writes none.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The files written.

    Raises:
        OutputError: The file exists already or cannot be written.
        MissingExtraError: vl-convert, which brings the charts' script, is not installed.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already. Choose another name or pass --overwrite")
    page = _told_apart(page)
    text = _document(page)
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error}") from error
    written = [path]
    if figures is not None:
        for section in page.sections:
            for figure in section.figures:
                if figure.chart is not None:
                    written += _save_chart(figure, Path(figures))
    return written


def _told_apart(page: Page) -> Page:
    """Number figures whose names would be the same: names go into addresses and file names."""
    seen: dict[str, int] = {}

    def apart(figure: Figure) -> Figure:
        seen[figure.name] = number = seen.get(figure.name, 0) + 1
        if number == 1:
            return figure
        return apart(dataclasses.replace(figure, context=f"{figure.context} {number}"))

    sections = [
        dataclasses.replace(section, figures=[apart(figure) for figure in section.figures])
        for section in page.sections
    ]
    return dataclasses.replace(page, sections=sections)


def _save_chart(figure: Figure, folder: Path) -> list[Path]:
    spec = _spec(figure, _PRINTED_INK) | {"background": "white", "padding": 16}
    svg: str = _converter().vegalite_to_svg(spec, vl_version=_version(spec))
    converter = _converter()
    written = [folder / f"{figure.name}.svg", folder / f"{figure.name}.png"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written[0].write_text(svg, encoding="utf-8")
        written[1].write_bytes(converter.svg_to_png(svg, scale=2))
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error}") from error
    return written


def table_html(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first column is text, the others are numbers."""
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<div class=scroll><table><tr>{cells}</tr>{lines}</table></div>"


def require_charts() -> None:
    """Raise an error unless what draws the charts is installed; better before the work than after.

    Raises:
        MissingExtraError: Altair, vl-convert or Polars is not installed.
    """
    try:
        import altair
        import polars
        import vl_convert
    except ImportError as error:
        raise MissingExtraError("drawing reports", "data") from error
    del altair, polars, vl_convert


def _converter() -> Any:
    require_charts()
    import vl_convert

    return vl_convert


def _version(spec: Mapping[str, Any]) -> str:
    """Read the version of Vega-Lite that a chart was made for, as `6.4`."""
    found = re.search(r"v(\d+\.\d+)", spec["$schema"])
    if found is None:
        raise ValueError(f"no version in {spec['$schema']}")
    return found[1]


def _spec(figure: Figure, ink: str) -> dict[str, Any]:
    if figure.chart is None:
        raise ValueError(f"{figure.title}: has no chart")
    spec: dict[str, Any] = figure.chart.to_dict()
    quiet = {"gridColor": ink, "gridOpacity": 0.12, "domain": False, "ticks": False}
    spec["config"] = {
        "background": None,
        "font": _FONT,
        "view": {"stroke": None},
        "axis": {"labelColor": ink, "titleColor": ink, "labelFontSize": 12, "titleFontSize": 12}
        | {"titleFontWeight": 500, "labelPadding": 6, "titlePadding": 10}
        | quiet,
        "legend": {"labelColor": ink, "titleColor": ink, "labelFontSize": 12, "titleFontSize": 12}
        | {"titleFontWeight": 500, "symbolType": "circle"},
        "header": {"labelColor": ink, "titleColor": ink, "labelFontSize": 12, "titleFontSize": 12},
        "title": {"color": ink, "fontSize": 13, "fontWeight": 500, "anchor": "start"},
        "text": {"fontSize": 12, "color": ink},
        "rule": {"color": ink},
    }
    return spec


def _document(page: Page) -> str:
    escape = html.escape
    cards = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in page.cards.items()
    )
    contents = "".join(
        f'<li><a href="#{_anchor(section.title)}">{escape(section.title)}</a><ol>'
        + "".join(f'<li><a href="#{f.name}">{escape(f.title)}</a></li>' for f in section.figures)
        + "</ol></li>"
        for section in page.sections
    )
    sections = "".join(_section_html(section) for section in page.sections)
    charts = [f for section in page.sections for f in section.figures if f.chart is not None]
    specs = {figure.name: _spec(figure, _INK) for figure in charts}
    data = "".join(
        f'<script type="application/json" id="spec-{name}">{_json(spec)}</script>\n'
        for name, spec in specs.items()
    )
    library = _library(_version(next(iter(specs.values())))) if specs else ""
    version = importlib.metadata.version("mien")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(page.title)}</title>
<style>{(_HERE / "page.css").read_text(encoding="utf-8")}</style>
</head>
<body>
<div class="frame">
<nav aria-label="Contents"><ol>{contents}</ol></nav>
<main>
<header><h1>{escape(page.title)}</h1><p>{escape(page.lead)}</p>
<dl class="cards">{cards}</dl>{_notes_html(page)}</header>
{sections}
<footer>{escape(page.provenance)} Written by mien {version}.</footer>
</main>
</div>
{data}<script>{library}</script>
<script>{(_HERE / "page.js").read_text(encoding="utf-8")}</script>
</body>
</html>
"""


def _notes_html(page: Page) -> str:
    if not page.notes:
        return ""
    items = "".join(f"<li>{html.escape(note)}</li>" for note in page.notes)
    title = html.escape(page.notes_title)
    return f'<div class="notes warn"><h2>{title}</h2><ul>{items}</ul></div>'


def _anchor(title: str) -> str:
    return "section-" + re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _section_html(section: Section) -> str:
    figures = "".join(_figure_html(figure) for figure in section.figures)
    return (
        f'<section id="{_anchor(section.title)}"><h2>{html.escape(section.title)}</h2>'
        f"<p>{html.escape(section.lead)}</p>{figures}</section>\n"
    )


def _figure_html(figure: Figure) -> str:
    body = figure.body
    if figure.chart is not None:
        label = html.escape(f"{figure.title}. {figure.sentence}", quote=True)
        chart = f'<div data-chart="spec-{figure.name}" role="img" aria-label="{label}"></div>'
        body = f'<div class="chart">{chart}</div>{body}'
    return (
        f'<figure id="{figure.name}"><h3>{html.escape(figure.title)}</h3>'
        f"<figcaption>{html.escape(figure.sentence)}</figcaption>{body}</figure>\n"
    )


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")).replace("</", "<\\/")


@functools.cache
def _library(version: str) -> str:
    """Return the JavaScript that draws the charts, about 900 kB, and takes a second."""
    code: str = _converter().javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    return code.replace("</script", "<\\/script")
