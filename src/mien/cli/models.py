"""`mien models`: the specs of model files."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien._hashing import file_sha256
from mien.cli.messages import printable

if TYPE_CHECKING:
    from mien.spec import ModelSpec

__all__ = ["models"]

_MAX_VALUE_LENGTH = 200
_MIN_NAME_WIDTH = 16


def models(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[MODEL]...", help="Model files; default: the shipped models."),
    ] = None,
    *,
    figures: Annotated[
        bool, typer.Option("--figures", help="Also print every measured figure.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON Lines, one model per line.")
    ] = False,
) -> None:
    """Print the specs of model files: input, outputs, calibration and provenance.

    \b
    Examples:
      mien models
      mien models runs/emotion/emotion.onnx --figures
    """
    from mien.detect import OnnxDetector
    from mien.inference import EmotionModel, UnitModel
    from mien.runtime import open_session
    from mien.spec import ModelSpec

    shipped = (EmotionModel, OnnxDetector, UnitModel)
    for number, path in enumerate(files or [network().path for network in shipped]):
        _, spec = open_session(path, threads=1)
        spec = spec or ModelSpec.from_metadata({}, str(path))
        size_bytes = path.stat().st_size
        file = {"path": str(path), "bytes": size_bytes, "sha256": file_sha256(path)}
        if as_json:
            print(json.dumps(file | dataclasses.asdict(spec)))
            continue
        if number:
            print()
        _print_spec(spec, file)
        if spec.figures and not figures:
            print(f"  {'figures':<{_MIN_NAME_WIDTH}}{len(spec.figures)}; --figures prints them")
        if figures:
            for name, value in sorted(spec.figures.items()):
                print(f"  {value:>8.4f}  {printable(name)}")


def _print_spec(spec: ModelSpec, file: dict[str, Any]) -> None:
    typer.echo(typer.style(printable(spec.name), bold=True) + f"  {printable(file['path'])}")
    lines = [(_shortened(name), _shortened(value)) for name, value in _lines(spec, file)]
    width = max(_MIN_NAME_WIDTH, *(len(name) + 2 for name, _ in lines))
    for name, value in lines:
        print(f"  {name:<{width}}{value}")


def _shortened(text: str) -> str:
    """Return a name or value as it can stand in a line."""
    text = printable(text)
    if len(text) <= _MAX_VALUE_LENGTH:
        return text
    return f"{text[:_MAX_VALUE_LENGTH]}... ({len(text):,} characters)"


def _lines(spec: ModelSpec, file: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "task", spec.task
    yield "size", f"{file['bytes'] / 1e6:.2f} MB"
    height, width = (side or "any" for side in (spec.input.height, spec.input.width))
    yield "input", f"{spec.input.name}: {spec.input.colour}, {height} x {width}"
    for output in spec.outputs:
        if output.meaning:
            has_temperature = output.temperature != 1
            temperature = f", temperature {output.temperature:.3f}" if has_temperature else ""
            yield "output", f"{output.name}: {output.meaning}{temperature}"
    if spec.six is not None:
        heads = " + ".join(f"{weight:.2f} {name}" for name, weight in spec.six.weights.items())
        yield "six", f"{heads}, temperature {spec.six.temperature:.3f}"
        yield "unsure below", f"{spec.six.unsure_below:.3f}"
    if spec.detection is not None:
        yield "score from", f"{spec.detection.score_threshold:g}"
    yield from sorted(spec.provenance.items())
    yield "sha256", file["sha256"]
