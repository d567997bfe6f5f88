"""What the page has to know of models and rules: one document, written out of Python's own objects.

The built page knows no label, size or threshold of its own. It reads `models/contract.json`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mien import structures
from mien.detect import FileDetector, tiling
from mien.emotions import COLOURS, LABEL_SETS, SIX, mapping_matrix
from mien.inference import EmotionModel, UnitModel, holding, pipeline, upright, video
from mien.options import EventOptions, FaceOptions, SmoothingOptions, VideoOptions
from mien.spec import LIMITS, MIN_PROBABILITY, ModelSpec
from mien.track import baseline, people, scenes, scheduler, tracker
from mien.units import ACTION_UNITS, MAX_POSE_DEG, MAX_UNITS_ROLL_DEG, MIN_UNITS_PX

__all__ = ["SAMPLES", "page_contract"]

SAMPLES = Path(__file__).parent.parent / "assets" / "samples"
"""The two public-domain sample photos."""


def page_contract(
    model: EmotionModel,
    detector: FileDetector,
    options: FaceOptions | None = None,
    *,
    unit_model: UnitModel | None = None,
) -> dict[str, Any]:
    """Return what the page has to know of models and rules, as plain values that JSON can hold.

    Args:
        model: The emotion network that the page will run.
        detector: The face detector that it will run.
        options: Which faces count; None takes the defaults.
        unit_model: The network of expression units that the page runs if a visitor asks for them;
            None takes the shipped one.
    """
    unit_model = unit_model or UnitModel()
    clip = VideoOptions()
    return {
        "version": importlib.metadata.version("mien"),
        "labels": list(SIX.labels),
        "colours": dict(COLOURS),
        "label_sets": {name: _label_set(name) for name in LABEL_SETS}
        | {name: _own_labels(labels) for name, labels in model.spec.label_sets.items()},
        "emotion": _model("emotion.onnx", model.path, model.spec),
        "face": _model("face.onnx", detector.path, detector.spec),
        "units": _model("units.onnx", unit_model.path, unit_model.spec),
        "unit_rules": {
            "min_face_px": MIN_UNITS_PX,
            "max_pose_deg": MAX_POSE_DEG,
            "max_roll_deg": MAX_UNITS_ROLL_DEG,
            "sure_score": upright.SURE_SCORE,
            "view_face_px": upright.VIEW_FACE_PX,
            "view": dataclasses.asdict(upright.VIEW),
        },
        "action_units": [
            {"label": each.label, "units": list(each.units), "match": each.match}
            for each in ACTION_UNITS
        ],
        "samples": [
            {"file": path.name, "title": path.stem.replace("_", " ").title()}
            for path in sorted(SAMPLES.glob("*.jpg"))
        ],
        "smoothing": dataclasses.asdict(SmoothingOptions()) | {"min_probability": MIN_PROBABILITY},
        "baseline": {
            "prior": baseline.PRIOR,
            "observation_s": baseline.OBSERVATION_S,
            "max_step_s": baseline.MAX_STEP_S,
            "neutral_weight": baseline.NEUTRAL_WEIGHT,
            "min_probability": MIN_PROBABILITY,
        },
        "tracking": {
            "max_gap_s": clip.max_gap_s,
            "max_distance": tracker.MAX_DISTANCE,
            "max_scale_change": tracker.MAX_SCALE_CHANGE,
            "max_compared_s": tracker.MAX_COMPARED_S,
            "velocity_weight": tracker.VELOCITY_WEIGHT,
        },
        "scenes": {
            "min_scene_correlation": scenes.MIN_SCENE_CORRELATION,
            "min_person_correlation": scenes.MIN_PERSON_CORRELATION,
            "moved_correlation": scenes.MOVED_CORRELATION,
            "columns": scenes.COLUMNS,
            "rows": scenes.ROWS,
            "samples": scenes.SAMPLES,
            "max_shift_across": scenes.MAX_SHIFT[0],
            "max_shift_down": scenes.MAX_SHIFT[1],
            "appearance_px": scenes.APPEARANCE_PX,
            "detail_px": scenes.DETAIL_PX,
            "min_contrast": scenes.MIN_CONTRAST,
            "margin": scenes.MARGIN,
            "min_pixels_share": scenes.MIN_PIXELS_SHARE,
        },
        "people": {
            "enough": [line._asdict() for line in people.ENOUGH],
            "min_share": people.MIN_SHARE,
            "min_share_searches": people.MIN_SHARE_SEARCHES,
        },
        "track_timeout": {
            "min_intervals": tracker.MIN_TIMEOUT_INTERVALS,
            "newest_interval_weight": scheduler.NEWEST_WEIGHT,
        },
        "video": {
            "detections_per_s": video.DETECTIONS_PER_S,
            "detection_interval_s": video.DETECTION_INTERVAL_S,
            "max_held_frames": holding.MAX_HELD_FRAMES,
        },
        "events": dataclasses.asdict(EventOptions()),
        "detection": {
            "min_face_px": (options or FaceOptions()).min_face_px,
            "network_face_px": tiling.NETWORK_FACE_PX,
            "max_input_px": tiling.MAX_INPUT_PX,
            "tile_overlap_px": tiling.TILE_OVERLAP_PX,
            "small_input_px": tiling.SMALL_INPUT_PX,
            "largest_face_share": tiling.LARGEST_FACE_SHARE,
            "live_face_px": pipeline.MIN_NETWORK_FACE_PX,
            "live_side_px": pipeline.MIN_SIDE_PX,
        },
        "limits": {name: list(limit) for name, limit in LIMITS.items()},
        "unsure": {
            "min_size_px": structures.MIN_SIZE_PX,
            "max_truncation": structures.MAX_TRUNCATION,
            "max_yaw_proxy": structures.MAX_YAW_PROXY,
            "max_roll_deg": structures.MAX_ROLL_DEG,
            "max_pitch_deg": structures.MAX_PITCH_DEG,
            "min_brightness": structures.MIN_BRIGHTNESS,
        },
    }


def _label_set(name: str) -> dict[str, Any]:
    known = LABEL_SETS[name]
    places = mapping_matrix(known, SIX)
    six = [int(row.argmax()) if row.any() else None for row in places]
    return {"labels": list(known.labels), "six": six}


def _own_labels(labels: Sequence[str]) -> dict[str, Any]:
    return {"labels": list(labels), "six": [None] * len(labels)}


def _model(file: str, path: Path, spec: ModelSpec) -> dict[str, Any]:
    data = path.read_bytes()
    document = dataclasses.asdict(spec)
    # A sketch of the training images serves `mien evaluate`; it is half of the document.
    document["provenance"].pop("training_sketch", None)
    digest = hashlib.sha256(data).hexdigest()
    return {"file": file, "sha256": digest, "bytes": len(data), "spec": document}
