"""`mien train`: from data and a recipe to a model file."""

from __future__ import annotations

import importlib.metadata
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from mien.cli.options import Data, Fold, SplitFile, read_divided
from mien.cli.progress import progress_bars
from mien.errors import MissingExtraError

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Out = Annotated[Path, typer.Option(help="The run's folder: checkpoints, metrics, model file.")]
Start = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Begin with the weights of this checkpoint or model file; `shipped` is mien's own.",
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")]
Threads = Annotated[int, typer.Option(min=0, help="Threads of torch; 0 takes all cores.")]


@app.callback()
def _train() -> None:
    """Train a network and write its model file."""


@app.command()
def emotion(
    *,
    data: Data,
    out: Out,
    split_file: SplitFile = None,
    fold: Fold = None,
    recipe: Annotated[str, typer.Option(help="A TOML file, or a shipped recipe.")] = "emotion",
    start: Start = None,
    resume: Resume = False,
    threads: Threads = 0,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, gpu ...")] = "auto",
    devices: Annotated[str, typer.Option(help="How many of them, or auto.")] = "auto",
    nodes: Annotated[int, typer.Option(min=1, help="How many machines.")] = 1,
    strategy: Annotated[str, typer.Option(help="Lightning's: auto, ddp ...")] = "auto",
) -> None:
    """Train the emotion network on FER-2013 with FER+'s votes.

    \b
    Examples:
      mien train emotion --data fer --out runs/first
      mien train emotion --data fer --split-file leak-free.json --out runs/second --resume
      mien train emotion --data mine --recipe fine-tune --start shipped --out runs/mine
      mien train emotion --data fer --out runs/third --accelerator gpu --devices 4 --strategy ddp
    """
    _require_torch(threads)
    from mien.evaluation import evaluate, open_predictor
    from mien.export import export_trained
    from mien.reports import evaluation_report, training_report
    from mien.training import (
        CURVE,
        RECIPE,
        DeviceOptions,
        EmotionRecipe,
        read_recipe,
        train_emotion,
        unfilled_average,
    )

    read = read_recipe(EmotionRecipe, recipe)
    dataset, division = read_divided(data, split_file, fold)
    for warning in unfilled_average(read, images=len(dataset.part("train"))):
        print(f"WARNING: {warning}", file=sys.stderr)
    module = train_emotion(
        read,
        dataset,
        out=out,
        resume=resume,
        start=_start(start, "emotion.onnx"),
        devices=DeviceOptions(
            accelerator=accelerator,
            devices=int(devices) if devices.isdecimal() else devices,
            nodes=nodes,
            strategy=strategy,
        ),
    )
    if not module.trainer.is_global_zero:
        return
    path = out / "emotion.onnx"
    facts = {
        "recipe": Path(recipe).stem,
        "seed": str(read.seed),
        "split": division[0],
        "split_sha256": division[1],
        "mien": importlib.metadata.version("mien"),
    }
    compared = export_trained(module.network, dataset, path=path, provenance=facts | module.facts)
    largest = max(compared.largest_difference.values())
    print(f"{path}: differs from torch by at most {largest:.1e}")
    figures = out / "figures"
    pages = training_report(
        out / CURVE, out / RECIPE, out / "training.html", figures=figures, overwrite=True
    )
    with progress_bars() as on_step:
        found = evaluate(
            [open_predictor(path)],
            dataset,
            split="val",
            division=division,
            on_step=on_step,
        )
    for warning in found.warnings:
        print(f"WARNING: {warning}", file=sys.stderr)
    pages += evaluation_report(
        found, out / "evaluation.html", faces=dataset, figures=figures, overwrite=True
    )
    for page in pages:
        if page.suffix == ".html":
            print(f"wrote {page}")


@app.command()
def detector(
    *,
    images: Annotated[
        Path, typer.Option(help="A folder of photos, or a Parquet with id, kind and jpeg.")
    ],
    teacher: Annotated[Path, typer.Option(help="A detector of the YuNet layout (ONNX).")],
    out: Out,
    crowd: Annotated[
        Path | None,
        typer.Option(help="A dataset of `mien data import`, whose faces are strewn over photos."),
    ] = None,
    recipe: Annotated[str, typer.Option(help="A TOML file, or a shipped recipe.")] = "detector",
    start: Start = None,
    resume: Resume = False,
    threads: Threads = 0,
) -> None:
    """Train the face detector on photos that a teacher labels.

    \b
    Examples:
      mien train detector --images photos/ --teacher yunet.onnx --out runs/face
      mien train detector --images photos/ --teacher yunet.onnx --out runs/face --resume
    """
    _require_torch(threads)
    from mien.data import read_dataset
    from mien.export import export_detector
    from mien.training import (
        RUN,
        DetectorRecipe,
        choose_score_threshold,
        label_photos,
        read_recipe,
        train_detector,
    )

    read = read_recipe(DetectorRecipe, recipe)
    RUN.claim(out)
    photos = label_photos(images, teacher, out / "labels.npz")
    strewn = None if crowd is None else read_dataset(crowd).part("train").images
    begin = _start(start, "face.onnx")
    module = train_detector(
        read, photos, teacher, out=out, crowd=strewn, start=begin, resume=resume
    )
    threshold = choose_score_threshold(module, photos)
    path = out / "face.onnx"
    facts = {
        "recipe": Path(recipe).stem,
        "seed": str(read.seed),
        "images": images.name,
        "teacher": teacher.name,
    } | ({} if crowd is None else {"crowd": crowd.name})
    differences = export_detector(
        module.network, path=path, provenance=facts, score_threshold=threshold
    )
    largest = max(differences.values())
    print(f"{path}: differs from torch by at most {largest:.1e}; scores count from {threshold:.2f}")


def _start(start: str | None, shipped: str) -> Path | None:
    if start == "shipped":
        return Path(str(resources.files("mien"))) / "assets" / shipped
    return Path(start) if start is not None else None


def _require_torch(threads: int) -> None:
    try:
        import lightning  # noqa: F401
        import onnx  # noqa: F401
        import torch
    except ImportError as error:
        raise MissingExtraError("training", "train") from error
    if threads:
        torch.set_num_threads(threads)
