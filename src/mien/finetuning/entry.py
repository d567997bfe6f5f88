"""The one function of fine-tuning; torch is loaded when it is called."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

from mien._checking import check_path, check_whole
from mien.data import Dataset
from mien.errors import InputError, MissingExtraError
from mien.finetuning.result import FineTuned
from mien.options import MAX_SEED, MAX_THREADS

__all__ = ["fine_tune"]


def fine_tune(
    data: str | Path | Dataset,
    *,
    out: str | Path,
    start: str | Path | None = None,
    replay: str | Path | Dataset | None = None,
    seed: int = 1,
    threads: int = 0,
    overwrite: bool = False,
    on_message: Callable[[str], None] | None = None,
) -> FineTuned:
    """Fine-tune an emotion network on labelled images, without forgetting what it knew.

    The trunk stays as it is. Its heads, and a small layer beside it, learn the images of `train`
    and `val`; how, is chosen by trials on people that each trial did not see. At the same time they
    are held to their old answers, on the faces of `replay` or on what the package remembers of the
    faces that the shipped network was trained on. Where no trial is better than chance, the file
    written is the start itself.

    Args:
        data: The folder of a dataset that `mien data import` made, or a dataset. Classes that are
            no expression of `FER2013_7` get a head of their own, `own_logits`.
        out: A folder for the model file, `emotion.onnx`, and the result, `fine-tuning.json`.
        start: The model file to start from, of `mien train emotion` or `mien.fine_tune`; None takes
            the shipped network.
        replay: A dataset like the one that the start was trained on, whose answers are to be kept.
        seed: The seed of all random numbers, 0 to 2**32 - 1.
        threads: Threads of torch, up to 1024; 0 takes all cores.
        overwrite: Whether files in `out` may be replaced.
        on_message: Called with lines on what is done, the expected time first.

    Returns:
        What was tried and chosen, accuracy before and after by class, and a recommendation.

    Raises:
        ArtefactError: The start is no model file that can be trained on, or the new file's answers
            differ from torch's.
        DatasetError: `data` or `replay` is no dataset.
        InputError: There are no labelled images in `train` or `val`, or only one class; or an
            argument is of another kind, or out of its range.
        MissingExtraError: torch, onnx or scikit-learn is not installed.
        OutputError: `out` holds such files already, or cannot be written.
    """
    if any(importlib.util.find_spec(name) is None for name in ("torch", "lightning", "onnx")):
        raise MissingExtraError("fine-tuning", "train")
    if not isinstance(data, str | Path | Dataset):
        raise InputError(f"data: expected the folder of a dataset or a dataset, found {data!r}")
    if not isinstance(replay, str | Path | Dataset | None):
        raise InputError(f"replay: expected a dataset, its folder or None, found {replay!r}")
    out = check_path("out", out)
    start = None if start is None else check_path("start", start)
    seed = check_whole("seed", seed, MAX_SEED)
    threads = check_whole("threads", threads, MAX_THREADS)
    from mien.finetuning.run import run

    return run(
        data,
        out=out,
        start=start,
        replay=replay,
        seed=seed,
        threads=threads,
        overwrite=overwrite,
        say=on_message or (lambda message: None),
    )
