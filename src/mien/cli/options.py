"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["DetectorFile", "EmotionFile", "MinFace"]

EmotionFile = Annotated[
    Path | None, typer.Option("--model", metavar="PATH", help="Another emotion network (ONNX).")
]

DetectorFile = Annotated[
    Path | None, typer.Option("--detector", metavar="PATH", help="Another face detector (ONNX).")
]

MinFace = Annotated[
    int, typer.Option(min=1, metavar="PX", help="Leave out faces with a shorter side.")
]
