"""The web page as static files: what was built, the two networks, and the rules that they need.

The built page knows no label, size or threshold of its own. It reads `models/contract.json`, which
is written here out of the very objects that Python works with.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mien import structures
from mien.detect import OnnxDetector, detector, tracks
from mien.emotions import COLOURS, LABEL_SETS, SIX, mapping_matrix
from mien.errors import ArtefactError, OutputError
from mien.inference import EmotionModel, VideoOptions, pace, smoothing, video
from mien.spec import ModelSpec
from mien.track import SmoothingOptions

__all__ = ["BUILT_PAGE", "page_contract", "page_files", "write_web_page"]

_ASSETS = Path(__file__).parent.parent / "assets"

BUILT_PAGE = _ASSETS / "page"
"""Where `make web` puts the built page; a source checkout has it only afterwards."""

_SAMPLES = _ASSETS / "samples"


def page_contract(
    model: EmotionModel, faces: OnnxDetector, *, min_face_px: int = 24
) -> dict[str, Any]:
    """Return what the page has to know of models and rules, as plain values that JSON can hold.

    Args:
        model: The emotion network that the page will run.
        faces: The face detector that it will run.
        min_face_px: Faces whose shorter side is below this many pixels are left out.
    """
    options = VideoOptions()
    return {
        "version": importlib.metadata.version("mien"),
        "labels": list(SIX.labels),
        "colours": dict(COLOURS),
        "label_sets": {name: _label_set(name) for name in LABEL_SETS},
        "emotion": _model("emotion.onnx", model.path, model.spec),
        "face": _model("face.onnx", faces.path, faces.spec),
        "samples": [
            {"file": path.name, "title": path.stem.replace("_", " ").title()}
            for path in sorted(_SAMPLES.glob("*.jpg"))
        ],
        "smoothing": dataclasses.asdict(SmoothingOptions()) | {"least": smoothing.LEAST},
        "tracking": {
            "max_gap_s": options.max_gap_s,
            "farthest": tracks.FARTHEST,
            "largest_growth": tracks.LARGEST_GROWTH,
            "velocity_share": tracks.VELOCITY_SHARE,
        },
        "remembering": {
            "missed_detections": tracks.MISSED,
            "newest_interval_share": pace.NEWEST_SHARE,
        },
        "detection": {
            "min_face_px": min_face_px,
            "network_face_px": detector.NETWORK_FACE_PX,
            "longest_side_px": detector.LONGEST_SIDE_PX,
            "tile_overlap_px": detector.TILE_OVERLAP_PX,
            "cheap_side_px": detector.CHEAP_SIDE_PX,
            "close_side_px": detector.CLOSE_SIDE_PX,
            "largest_face_px": detector.LARGEST_FACE_PX,
            "live_face_px": video.SMALLEST_FACE_PX,
            "live_side_px": video.SHORTEST_SIDE_PX,
        },
        "unsure": {
            "small_px": structures.SMALL_PX,
            "cut": structures.MUCH_CUT,
            "turned": structures.MUCH_TURNED,
            "tilted_deg": structures.MUCH_TILTED_DEG,
            "dark": structures.DARK,
        },
    }


def page_files(model: EmotionModel, faces: OnnxDetector) -> Mapping[str, Path]:
    """Return the files that the page reads beside those that were built, by their address."""
    samples = {f"samples/{path.name}": path for path in sorted(_SAMPLES.glob("*.jpg"))}
    return {"models/emotion.onnx": model.path, "models/face.onnx": faces.path, **samples}


def write_web_page(
    folder: Path, model: EmotionModel, faces: OnnxDetector, *, overwrite: bool = False
) -> None:
    """Write the page as static files that any web server can host, under any path.

    Args:
        folder: Where to; it appears when it is whole.
        model: The emotion network that the page will run.
        faces: The face detector that it will run.
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
            for name, path in page_files(model, faces).items():
                (whole / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(path, whole / name)
            contract = json.dumps(page_contract(model, faces), indent=1)
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


def _label_set(name: str) -> dict[str, Any]:
    known = LABEL_SETS[name]
    places = mapping_matrix(known, SIX)
    six = [int(row.argmax()) if row.any() else None for row in places]
    return {"labels": list(known.labels), "six": six}


def _model(file: str, path: Path, spec: ModelSpec) -> dict[str, Any]:
    data = path.read_bytes()
    document = dataclasses.asdict(spec)
    # A sketch of the training images serves `mien evaluate`; it is half of the document.
    document["provenance"].pop("training_sketch", None)
    digest = hashlib.sha256(data).hexdigest()
    return {"file": file, "sha256": digest, "bytes": len(data), "spec": document}
