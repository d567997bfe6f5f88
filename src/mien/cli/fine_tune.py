"""`mien fine-tune`: a network for the user's own images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mien.cli.defaults import PythonDefault
from mien.cli.messages import LOG
from mien.cli.options import Fold, SplitFile, read_split_dataset
from mien.options import MAX_SEED, MAX_THREADS

__all__ = ["fine_tune"]

_PYTHON = "mien.finetuning:fine_tune"


def fine_tune(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATASET", help="The folder of a dataset that `mien data import` made."
        ),
    ],
    *,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where emotion.onnx and the result go.")
    ],
    start: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The model file to start from; else the shipped one."),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="DATASET", help="Keep the answers to this dataset, for example FER-2013."
        ),
    ] = None,
    split: SplitFile = None,
    fold: Fold = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            max=MAX_SEED,
            default_factory=PythonDefault(_PYTHON, "seed"),
            help="The seed of random numbers.",
        ),
    ],
    threads: Annotated[
        int,
        typer.Option(
            min=0,
            max=MAX_THREADS,
            default_factory=PythonDefault(_PYTHON, "threads"),
            help="Threads of torch on the CPU; 0 takes all cores.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the files of an earlier one.")
    ] = False,
) -> None:
    """Fine-tune the emotion network on your own images, without forgetting what it knew.

    It learns from the subsets train and val, and says how much better it is on people that it did
    not see, as far as it is known who the images show. Where it is not better than chance, it says
    so, and the file is the start's.

    \b
    Examples:
      mien fine-tune mine --out tuned && mien analyze photo.jpg --model tuned/emotion.onnx
      mien fine-tune mine --split split.json --replay fer --out tuned --json
    """
    from mien import finetuning

    dataset, _ = read_split_dataset(data, split, fold)
    try:
        result = finetuning.fine_tune(
            dataset,
            out=out,
            start=start,
            replay=replay,
            seed=seed,
            threads=threads,
            overwrite=overwrite,
            on_message=LOG.info,
        )
    except KeyboardInterrupt:
        LOG.info(f"stopped; nothing is written, {out} is as it was. Run it again to start anew")
        raise typer.Exit(130) from None
    if as_json:
        print(json.dumps(result.to_json(), indent=1))
    else:
        print("\n".join(result.lines()))
    LOG.info(f"wrote {result.path}")
