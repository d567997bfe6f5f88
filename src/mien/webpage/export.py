"""The web page as static files: what was built, the two networks, and the contract."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mien.detect import FileDetector
from mien.errors import ArtefactError, OutputError
from mien.inference import EmotionModel
from mien.webpage.contract import SAMPLES, page_contract

__all__ = ["BUILT_PAGE", "page_files", "write_web_page"]

BUILT_PAGE = Path(__file__).parent.parent / "assets" / "page"
"""Where `make web` puts the built page; a source checkout has it only afterwards."""


def page_files(model: EmotionModel, detector: FileDetector) -> Mapping[str, Path]:
    """Return the files that the page reads beside those that were built, by their address."""
    samples = {f"samples/{path.name}": path for path in sorted(SAMPLES.glob("*.jpg"))}
    return {"models/emotion.onnx": model.path, "models/face.onnx": detector.path, **samples}


def write_web_page(
    folder: Path, model: EmotionModel, detector: FileDetector, *, overwrite: bool = False
) -> None:
    """Write the page as static files that any web server can host, under any path.

    Args:
        folder: Where to; it appears when it is whole.
        model: The emotion network that the page will run.
        detector: The face detector that it will run.
        overwrite: Whether a page that an earlier call wrote may be replaced; what else lies
            beside it stays.

    Raises:
        ArtefactError: The page was not built.
        OutputError: The folder exists already or cannot be written.
    """
    if not (BUILT_PAGE / "index.html").is_file():
        raise ArtefactError(f"{BUILT_PAGE}: the web page is not built. Build it with: make web")
    if folder.is_file() or (folder.exists() and any(folder.iterdir())):
        if not overwrite:
            raise OutputError(f"{folder}: exists already. Choose another name or pass --overwrite")
        if not (folder / "models" / "contract.json").is_file():
            raise OutputError(f"{folder}: holds something else than an exported page. Remove it")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".page-") as temporary:
            whole = Path(temporary) / "page"
            shutil.copytree(BUILT_PAGE, whole)
            for name, path in page_files(model, detector).items():
                (whole / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(path, whole / name)
            contract = json.dumps(page_contract(model, detector), indent=1)
            (whole / "models" / "contract.json").write_text(contract, encoding="utf-8")
            if folder.exists():
                _replace_page(folder, whole)
            else:
                whole.rename(folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error}") from error


def _replace_page(folder: Path, whole: Path) -> None:
    """Put a page in place of another, part by part, the page that names the others last."""
    parts = sorted(whole.iterdir(), key=lambda part: part.name == "index.html")
    for part in parts:
        old = folder / part.name
        if part.is_dir() and old.exists():
            shutil.rmtree(old)
        part.replace(old)
