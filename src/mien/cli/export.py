"""`mien export`: model files in other precisions, and the web page as static files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mien._wording import pluralize
from mien.cli.messages import refuse_ignored, verb
from mien.cli.options import (
    Data,
    DetectorFile,
    EmotionFile,
    Fold,
    SplitFile,
    UnitFile,
    read_split_dataset,
    require_extra,
)
from mien.cli.verbs import Verbs

__all__ = ["app"]

app = Verbs(no_args_is_help=True, rich_markup_mode=None)

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


@app.callback()
def _export() -> None:
    """Write model files in other precisions, and the web page as static files."""


@app.command()
@verb
def model(
    source: Annotated[
        Path, typer.Argument(metavar="MODEL", help="The float32 file of a training.")
    ],
    *,
    data: Data,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The new model file.")],
    split: SplitFile = None,
    fold: Fold = None,
    to: Annotated[
        Literal["onnx", "openvino", "tflite"],
        typer.Option(
            help="The runtime; openvino writes FILE.xml and the weights in FILE.bin, tflite "
            "FILE.tflite."
        ),
    ] = "onnx",
    precision: Annotated[
        Literal["fp16", "int8"],
        typer.Option(help="fp16: half the size, as fast; int8: a quarter of the size, faster."),
    ] = "fp16",
    licence: Annotated[
        str | None, typer.Option(help="The licence of the weights, written into the file.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write an emotion network in another precision or for another runtime, compared on val.

    A file that gives another label for more than 0.3 % of the images is refused: a variant is
    compared with torch on the whole subset, a file of another runtime with ONNX on 500 images.

    \b
    Examples:
      mien export model runs/first/emotion.onnx --data fer --out emotion.onnx
      mien export model runs/first/emotion.onnx --data fer --to openvino --out emotion.xml
      mien export model runs/first/emotion.onnx --data fer --to tflite --out emotion.tflite
      mien export model runs/first/emotion.onnx --data fer --precision int8 --out quick.onnx
    """
    if to != "onnx":
        refuse_ignored(f"with --to {to}", "precision")
    require_extra("exporting models", "train", "torch", "onnx")
    from mien.export import export_openvino, export_tflite, export_variant

    dataset, _ = read_split_dataset(data, split, fold)
    bytes_of = [out]
    if to == "onnx":
        compared = export_variant(
            source, dataset, precision=precision, out=out, licence=licence, overwrite=overwrite
        )
    else:
        export = export_openvino if to == "openvino" else export_tflite
        compared = export(source, dataset, out=out, licence=licence, overwrite=overwrite)
        if to == "openvino":
            bytes_of.append(out.with_suffix(".bin"))
    size_mb = sum(path.stat().st_size for path in bytes_of) / 1e6
    print(
        f"{out}: {size_mb:.2f} MB; of {pluralize(compared.images, 'image')} "
        f"{compared.flipped['six']:.2%} get another label than from "
        f"{'torch' if to == 'onnx' else 'ONNX'}; probabilities differ by "
        f"at most {compared.max_difference['six']:.4f}"
    )


@app.command()
@verb
def web(
    *,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The page's folder.")],
    emotion: EmotionFile = None,
    detector: DetectorFile = None,
    unit_model: UnitFile = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the web page as static files for any web server, under any path.

    \b
    Examples:
      mien export web --out public/
      mien export web --out public/ --model runs/first/emotion.onnx --overwrite
    """
    from mien.detect import OnnxDetector
    from mien.inference import EmotionModel, UnitModel
    from mien.webpage.export import write_web_page

    write_web_page(
        out,
        EmotionModel(emotion),
        OnnxDetector(detector),
        unit_model=UnitModel(unit_model),
        overwrite=overwrite,
    )
    print(f"wrote {out}. Host it on any web server, or try: python -m http.server -d {out}")
