"""`mien evaluate` and `mien calibrate`: how right models are, and how sure they may be."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien._wording import counted
from mien.cli.options import Data, Fold, SplitFile, Subset, read_divided, require_extra
from mien.cli.progress import progress_bars
from mien.errors import OutputError

if TYPE_CHECKING:
    from mien.data import Dataset
    from mien.evaluation import Evaluation, Predictor
    from mien.spec import ModelSpec

__all__ = ["calibrate", "evaluate"]


def evaluate(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Model files, tables of predictions (row, p_<label>) or folders of such tables; "
            "none for the shipped model.",
        ),
    ] = None,
    *,
    data: Data,
    subset: Subset = "val",
    split: SplitFile = None,
    fold: Fold = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help="ferplus-8, fer2013-7, fer2013-6, six, six-ferplus, six-fer2013; or all."
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="OUT.html", help="Write a report, one file.")
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the report's charts as PNG and SVG."),
    ] = None,
    with_faces: Annotated[
        bool, typer.Option("--with-faces", help="Show the surest mistakes in the report.")
    ] = False,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Judge blurred, dark, covered ... images, too.")
    ] = False,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Judge the mean of the models' answers, too.")
    ] = False,
    save: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep each model's predictions as CSV.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a report and kept predictions.")
    ] = False,
) -> None:
    """Measure how right models are, with intervals, calibration and leak-free twins.

    \b
    Examples:
      mien evaluate --data fer --report val.html
      mien evaluate mine.onnx rival.csv --data fer --protocol six --subset test --json
      mien evaluate runs/*/emotion.onnx --data fer --ensemble
    """
    from mien.evaluation import evaluate as judge
    from mien.evaluation import mean_of, save_predictions
    from mien.metrics import PROTOCOLS
    from mien.metrics import protocol as named
    from mien.reports import evaluation_report

    wanted = [each for name in protocol or PROTOCOLS for each in named(name)]
    if report is None and (figures is not None or with_faces):
        raise typer.BadParameter("--figures and --with-faces belong to a report: --report OUT.html")
    if report is not None and report.exists() and not overwrite:
        raise OutputError(f"{report}: exists already. Choose another name or pass --overwrite")
    predictors = _opened(models or [])
    if ensemble:
        predictors.append(mean_of(predictors))
    kept = [save / each.name for each in predictors] if save is not None else []
    if not overwrite and any(any(folder.glob("*.csv")) for folder in kept):
        raise OutputError(f"{save}: holds predictions. Choose another folder or pass --overwrite")
    dataset, division = read_divided(data, split, fold)
    with progress_bars() as on_step:
        found = judge(
            predictors,
            dataset,
            split=subset,
            division=division,
            protocols=wanted,
            robustness=robustness,
            on_step=on_step,
        )
    for warning in found.warnings:
        print(f"WARNING: {warning}", file=sys.stderr)
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
    else:
        _print(found)
    part = dataset.part(subset)
    for predictor, folder in zip(predictors, kept, strict=False):
        for path in save_predictions(part.rows, predictor.probabilities(part), folder):
            print(f"wrote {path}", file=sys.stderr)
    if report is not None:
        faces: Dataset | None = dataset if with_faces else None
        for path in evaluation_report(
            found, report, faces=faces, figures=figures, overwrite=overwrite
        ):
            print(f"wrote {path}", file=sys.stderr)


def calibrate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="An emotion network (ONNX).")],
    *,
    data: Data,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the calibrated model goes.")
    ] = None,
    subset: Subset = "val",
    split: SplitFile = None,
    fold: Fold = None,
    accuracy: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="What answers that are not unsure shall reach.")
    ] = 0.95,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace FILE, or MODEL if no FILE is given.")
    ] = False,
) -> None:
    """Fit priors, temperatures and the threshold of "unsure", and write them into the spec.

    \b
    Examples:
      mien calibrate runs/first/emotion.onnx --data fer --out calibrated.onnx
      mien calibrate mine.onnx --data fer --accuracy 0.9 --overwrite
    """
    require_extra("calibrating", "train", "torch", "onnx")
    from mien.evaluation import calibration_caveats, open_predictor
    from mien.export import calibrate_emotion
    from mien.inference import EmotionModel

    target = out or model
    if target.exists() and not overwrite:
        raise OutputError(f"{target}: exists already. Give --out FILE, or pass --overwrite")
    before = EmotionModel(model).spec
    dataset, _ = read_divided(data, split, fold)
    partial = target.with_name(target.name + ".partial")
    try:
        shutil.copyfile(model, partial)
        spec = calibrate_emotion(partial, dataset, subset=subset, accuracy=accuracy)
        partial.replace(target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    _print_calibration(before, spec)
    for warning in calibration_caveats(open_predictor(target), dataset.part(subset), subset):
        print(f"WARNING: {warning}", file=sys.stderr)
    print(f"wrote {target}")


def _print_calibration(before: ModelSpec, after: ModelSpec) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table("", "before", "after", box=box.SIMPLE, padding=(0, 1, 0, 0))
    old, new = _calibration_rows(before), _calibration_rows(after)
    for name, value in new.items():
        table.add_row(name, old.get(name, ""), value)
    Console(highlight=False).print(table)


def _calibration_rows(spec: ModelSpec) -> dict[str, str]:
    """Return what calibrating decides, by name."""
    from mien.emotions import SIX

    six = spec.six
    if six is None:
        return {}
    heads = [output for output in spec.outputs if output.name in six.weights]
    return {
        **{f"weight of {name}": f"{weight:.2f}" for name, weight in six.weights.items()},
        **{f"bias of {label}": f"{b:+.2f}" for label, b in zip(SIX.labels, six.bias, strict=True)},
        "temperature": f"{six.temperature:.3f}",
        "unsure below": f"{six.unsure_below:.1%}",
        **{f"temperature of {head.name}": f"{head.temperature:.3f}" for head in heads},
    }


def _opened(paths: list[Path]) -> list[Predictor]:
    """Open models, calling those of one name by their folder too: every run's file is called so."""
    from mien.evaluation import open_predictor

    if not paths:
        return [open_predictor(None)]
    predictors = [open_predictor(path) for path in paths]
    names = [predictor.name for predictor in predictors]
    return [
        dataclasses.replace(predictor, name=f"{path.absolute().parent.name}-{predictor.name}")
        if names.count(predictor.name) > 1
        else predictor
        for predictor, path in zip(predictors, paths, strict=True)
    ]


def _sure(sure: Mapping[str, float]) -> str:
    if not sure["coverage"]:
        return "every answer is unsure"
    share, right = f"{sure['coverage']:.0%}", f"{sure['accuracy']:.1%}"
    return f"of the {share} that are not unsure {right} are right"


def _print(found: Evaluation) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from mien.reports import HEAD, evaluation_rows

    console = Console(highlight=False)
    count = counted(found.images, "image")
    where = f"{found.data}, {found.split}, {count}, divided as {found.division}"
    console.print(where, style="bold")
    for model in dict.fromkeys(each.model for each in found.judged):
        table = Table(box=box.SIMPLE, title=model, title_justify="left", padding=0)
        for number, name in enumerate(HEAD):
            first = number == 0
            table.add_column(name, justify="left" if first else "right", no_wrap=first)
        for each in found.judged:
            if each.model == model:
                # A part may have no leaks to leave out: then a result is one row, not two.
                for number, (_, *cells) in enumerate(evaluation_rows(each)):
                    table.add_row("  leak-free" if number else each.protocol, *cells)
        console.print(table)
        for each in found.judged:
            if each.model == model and each.score.sure is not None:
                console.print(f"{each.title}: {_sure(each.score.sure)}")
    for name, score in found.triplets.items():
        console.print(
            f"{name}: its embedding agrees with the votes on {score.accuracy:.1%} of "
            f"{score.triplets:,} triplets (chance: 33.3 %)"
        )
    for pair in found.comparisons:
        console.print(
            f"{pair.protocol}: {pair.test.only_first} only {pair.first} gets right, "
            f"{pair.test.only_second} only {pair.second}; McNemar p = {pair.test.p_value:.2g}"
        )
