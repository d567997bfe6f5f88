"""Draw who imports whom, out of the imports themselves.

    python docs/architecture.py

Writes `docs/architecture.svg`: the packages in the order of the import rules of `pyproject.toml`,
and an arrow for each import between packages that no longer way already shows.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "architecture.svg"

PURPOSE = {
    "cli": "the verbs",
    "server": "REST API",
    "live": "desktop window",
    "cluster": "Ray",
    "tuning": "Optuna studies",
    "training": "recipes, Lightning",
    "export": "torch to ONNX",
    "reports": "HTML, figures",
    "webpage": "static page",
    "runs": "save and resume",
    "evaluation": "judging models",
    "inference": "pipeline, Analyzer",
    "models": "torch networks",
    "data": "datasets, splits",
    "track": "people over time",
    "detect": "faces, landmarks",
    "media": "files, cameras",
    "preprocess": "align, crop",
    "runtime": "ONNX sessions",
    "metrics": "numbers from arrays",
    "structures": "Frame, Faces, results",
    "columns": "the result row",
    "drawing": "boxes, labels",
    "options": "shared options",
    "spec": "what a model file says",
    "emotions": "labels",
}
"""The packages that are drawn, and what each one does; others are small and used everywhere."""

BOX_W, BOX_H, GAP_X, GAP_Y, MARGIN = 148, 46, 30, 40, 24
STYLE = """
  .box { fill: #ffffff; stroke: #5b6472; stroke-width: 1.2; }
  .name { font: 600 14px system-ui, sans-serif; fill: #1b1f24; }
  .purpose { font: 12px system-ui, sans-serif; fill: #57606a; }
  .import { stroke: #8a94a3; stroke-width: 1.2; fill: none; marker-end: url(#tip); }
  .ground { fill: #f6f7f9; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #16191d; } .box { fill: #22272e; stroke: #8a94a3; }
    .name { fill: #f0f3f6; } .purpose { fill: #a9b3bf; } .import { stroke: #7d8896; }
  }
"""


def layers() -> list[list[str]]:
    """Return the drawn packages row by row, the ones that may import all others first."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = rules["tool"]["importlinter"]["contracts"][0]
    rows = [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]
    drawn = [[name for name in row if name in PURPOSE] for row in rows]
    return [row for row in drawn if row]


def imports() -> dict[str, set[str]]:
    """Return for each drawn package those that its modules import."""
    graph = grimp.build_graph("mien", cache_dir=None)
    found: dict[str, set[str]] = {name: set() for name in PURPOSE}
    for module in graph.modules:
        for target in graph.find_modules_directly_imported_by(module):
            importer, imported = (_package(name) for name in (module, target))
            if importer != imported and importer in PURPOSE and imported in PURPOSE:
                found[importer].add(imported)
    return found


def _package(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def reduced(edges: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    """Leave out each import that a longer way shows, too (transitive reduction)."""
    below: dict[str, set[str]] = {}

    def reach(name: str) -> set[str]:
        if name not in below:
            below[name] = set()
            for other in edges[name]:
                below[name] |= {other} | reach(other)
        return below[name]

    return {
        name: {
            other
            for other in targets
            if not any(other in reach(between) for between in targets if between != other)
        }
        for name, targets in ((name, set(targets)) for name, targets in edges.items())
    }


def drawing() -> str:
    """Return the SVG."""
    rows, places = layers(), dict[str, tuple[float, float]]()
    widest = max(len(row) for row in rows)
    width = 2 * MARGIN + widest * BOX_W + (widest - 1) * GAP_X
    for number, row in enumerate(rows):
        used = len(row) * BOX_W + (len(row) - 1) * GAP_X
        for place, name in enumerate(row):
            left = (width - used) / 2 + place * (BOX_W + GAP_X)
            places[name] = (left, MARGIN + number * (BOX_H + GAP_Y))
    height = 2 * MARGIN + len(rows) * BOX_H + (len(rows) - 1) * GAP_Y
    arrows = [
        _arrow(places[name], places[other])
        for name, targets in sorted(reduced(imports()).items())
        for other in sorted(targets)
    ]
    boxes = [_box(name, *places[name]) for row in rows for name in row]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
            f'width="{width:g}" height="{height:g}" role="img">',
            "<title>The packages of mien and their imports</title>",
            f"<style>{STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#8a94a3"/>'
            "</marker></defs>",
            f'<rect class="ground" width="{width:g}" height="{height:g}" rx="10"/>',
            *arrows,
            *boxes,
            "</svg>",
            "",
        ]
    )


def _box(name: str, x: float, y: float) -> str:
    middle = x + BOX_W / 2
    return (
        f'<rect class="box" x="{x:g}" y="{y:g}" width="{BOX_W}" height="{BOX_H}" rx="8"/>'
        f'<text class="name" x="{middle:g}" y="{y + 20:g}" text-anchor="middle">{name}</text>'
        f'<text class="purpose" x="{middle:g}" y="{y + 37:g}" text-anchor="middle">'
        f"{escape(PURPOSE[name])}</text>"
    )


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    """Draw an arrow from the lower side of a box to the upper side of another."""
    (x1, y1), (x2, y2) = start, end
    shift = max(-0.35, min(0.35, (x2 - x1) / 900)) * BOX_W
    x1, y1 = x1 + BOX_W / 2 + shift, y1 + BOX_H
    x2 = x2 + BOX_W / 2 - shift
    bend = min(GAP_Y, (y2 - y1) / 2)
    return (
        f'<path class="import" d="M{x1:g} {y1:g}C{x1:g} {y1 + bend:g} '
        f'{x2:g} {y2 - bend:g} {x2:g} {y2 - 2:g}"/>'
    )


if __name__ == "__main__":
    PICTURE.write_text(drawing(), encoding="utf-8")
