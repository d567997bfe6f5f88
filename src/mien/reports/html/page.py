"""Reports as single HTML files: interactive charts, tables and images, each with a sentence."""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien._checking import check_path
from mien._output import REPORT_SUFFIXES, check_output, whole_file
from mien.errors import MissingExtraError
from mien.reports.html.blocks import Block

if TYPE_CHECKING:
    import altair as alt
    import jinja2

__all__ = ["Figure", "Page", "Section", "require_charts", "write_page", "write_whole"]

_HERE = Path(__file__).parent
_FONT = "Inter, Segoe UI, system-ui, -apple-system, Helvetica Neue, Arial, sans-serif"
_INK = "currentColor"
"""On the page, axes and labels have the colour of the text, light or dark."""

_PRINTED_INK = "#1c1e22"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure.

    Attributes:
        title: A few words.
        sentence: What it shows.
        chart: An Altair chart, or None.
        body: The blocks below the chart, or without one.
        context: Distinguishes it from figures of the same title.
        wide: Whether it needs a line of its own on wide screens.
    """

    title: str
    sentence: str
    chart: alt.TopLevelMixin | None = None
    body: Sequence[Block] = ()
    context: str = ""
    wide: bool = False

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

    @property
    def anchor(self) -> str:
        """The title as part of an address."""
        return "section-" + re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A whole report.

    Attributes:
        title: A few words.
        lead: What the report is about.
        cards: The main figures, by name.
        notes_title: The title of the notes.
        notes: Warnings and limits, a sentence each.
        sections: In their order.
        provenance: What the report was made from, for the footer.
    """

    title: str
    lead: str
    cards: Mapping[str, str]
    notes_title: str
    notes: Sequence[str]
    sections: Sequence[Section]
    provenance: str


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears when it is whole; an existing one is replaced.

    Raises:
        OutputError: It cannot be written.
    """
    with whole_file(path) as partial:
        partial.write_bytes(content)


def write_page(
    page: Page,
    path: str | Path,
    *,
    figures: str | Path | None = None,
    overwrite: bool = False,
    write: Callable[[Path, bytes], None] = write_whole,
) -> list[Path]:
    """Write a report as one file that needs no network.

    Args:
        page: The report.
        path: Where it goes; it appears when it is whole.
        figures: A folder for each chart as PNG and SVG, dark on white; None writes none.
        overwrite: Whether an existing file may be replaced.
        write: Writes the content of a file.

    Returns:
        The files written.

    Raises:
        OutputError: The file exists already or cannot be written.
        MissingExtraError: vl-convert, which brings the charts' script, is not installed.
    """
    path = check_path("path", path)
    check_output(path, overwrite=overwrite, suffixes=REPORT_SUFFIXES)
    page = _with_different_names(page)
    # A file's name may hold bytes that are no text.
    write(path, _document(page).encode(errors="replace"))
    written = [path]
    if figures is not None:
        for section in page.sections:
            for figure in section.figures:
                if figure.chart is not None:
                    written += _save_chart(figure, Path(figures), write)
    return written


def _with_different_names(page: Page) -> Page:
    """Number figures of the same name, because names are used in addresses and file names."""
    used: dict[str, int] = {}

    def renamed(figure: Figure) -> Figure:
        used[figure.name] = number = used.get(figure.name, 0) + 1
        if number == 1:
            return figure
        return renamed(dataclasses.replace(figure, context=f"{figure.context} {number}"))

    sections = [
        dataclasses.replace(section, figures=[renamed(figure) for figure in section.figures])
        for section in page.sections
    ]
    return dataclasses.replace(page, sections=sections)


def _save_chart(figure: Figure, folder: Path, write: Callable[[Path, bytes], None]) -> list[Path]:
    spec = _spec(figure, _PRINTED_INK) | {"background": "white", "padding": 16}
    svg: str = _converter().vegalite_to_svg(spec, vl_version=_version(spec))
    contents = {"svg": svg.encode(), "png": _converter().svg_to_png(svg, scale=2)}
    written = []
    for kind, content in contents.items():
        path = folder / f"{figure.name}.{kind}"
        write(path, content)
        written.append(path)
    return written


def require_charts() -> None:
    """Raise an error if a library for reports is missing, before the work begins.

    Raises:
        MissingExtraError: Altair, Jinja2, pyarrow or vl-convert is not installed.
    """
    try:
        import altair
        import jinja2
        import pyarrow
        import vl_convert
    except ImportError as error:
        raise MissingExtraError("drawing reports", "tables") from error
    del altair, jinja2, pyarrow, vl_convert


def _converter() -> Any:
    require_charts()
    import vl_convert

    return vl_convert


def _version(spec: Mapping[str, Any]) -> str:
    """Return the version of Vega-Lite that a chart needs, for example `6.4`."""
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
    figures = [figure for section in page.sections for figure in section.figures]
    charts = {figure.name: _spec(figure, _INK) for figure in figures if figure.chart is not None}
    template = _environment().get_template("page.html")
    return template.render(
        page=page,
        charts=charts,
        style=(_HERE / "page.css").read_text(encoding="utf-8"),
        script=(_HERE / "page.js").read_text(encoding="utf-8"),
        library=_library(_version(next(iter(charts.values())))) if charts else "",
        version=importlib.metadata.version("mien"),
    )


def _environment() -> jinja2.Environment:
    require_charts()
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # Jinja sorts the keys by default, but the order of a chart's data matters to Vega-Lite.
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment


@functools.cache
def _library(version: str) -> str:
    """Return the JavaScript library that draws the charts, about 900 kB; this takes a second."""
    code: str = _converter().javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    return code.replace("</script", "<\\/script")
