"""Face detection in a frame of any size."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.detect.boxes import box_coverage
from mien.detect.decoder import decode_cells, non_maximum_suppression
from mien.errors import SpecError
from mien.runtime import open_session
from mien.spec import DetectionSpec, InputSpec, ModelSpec, OutputSpec
from mien.structures import Faces, FrameRGB, check_frame_rgb

__all__ = [
    "YUNET_NMS_IOU",
    "YUNET_OUTPUTS",
    "Detector",
    "FileDetector",
    "OnnxDetector",
    "padded_input",
    "yunet_spec",
]

SHIPPED = Path(__file__).parent.parent / "assets" / "face.onnx"

YUNET_OUTPUTS = tuple(
    f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)
)
"""The outputs of the YuNet layout."""

YUNET_NMS_IOU = 0.3
"""Of two detections that overlap by more the one with the lower score is dropped."""

NETWORK_FACE_PX = 16
"""Side to which the smallest wanted face is scaled: YuNet's networks find few below 10 pixels and
most from 16 on."""

LONGEST_SIDE_PX = 1280
"""The network's input is at most this long, which bounds memory; larger images are looked at as a
whole and in tiles."""

TILE_OVERLAP_PX = 192
"""Faces up to this size lie whole in some tile; larger ones are found in the whole."""

CHEAP_SIDE_PX = 320
"""Images are not scaled below this side: it costs 2 ms and larger faces are placed better."""

CLOSE_SIDE_PX = 480
"""In an input up to this long even a face that fills it is found. A longer one is looked at in
`CHEAP_SIDE_PX` too, for faces that are close by."""

LARGEST_FACE_PX = 256
"""Training shows hardly a larger face: of those not the whole may be found, but parts. So they are
left to a smaller input, and what else is found inside them is left out."""


class Detector(Protocol):
    """Anything that finds faces."""

    def detect(self, frame_rgb: FrameRGB, *, min_face_px: int = 24) -> Faces:
        """Find the faces in one frame.

        Args:
            frame_rgb: `(H, W, 3)` uint8, RGB, top row first.
            min_face_px: Faces whose shorter side is below this many pixels are left out.

        Returns:
            `Faces` of length F, largest first; F is 0 when there is none. Boxes and landmarks are
            in pixels of `frame_rgb`.

        Raises:
            FrameError: The array has another shape or dtype; the message gives both.
        """
        ...


class FileDetector(Detector, Protocol):
    """A detector that comes out of a model file with a spec, as the server and the page need it.

    Attributes:
        path: The file.
        spec: What it says about itself.
    """

    path: Path
    spec: ModelSpec


def yunet_spec(
    name: str, provenance: dict[str, str] | None = None, *, score_threshold: float = 0.6
) -> ModelSpec:
    """Describe a detector of the YuNet layout: BGR of 0 to 255, any size, strides 8, 16 and 32."""
    return ModelSpec(
        task="detection",
        name=name,
        input=InputSpec(
            name="input",
            colour="bgr",
            height=None,
            width=None,
            multiple_of=32,
            mean=(0.0, 0.0, 0.0),
            std=(1.0, 1.0, 1.0),
        ),
        outputs=tuple(OutputSpec(name=output) for output in YUNET_OUTPUTS),
        detection=DetectionSpec(
            strides=(8, 16, 32), score_threshold=score_threshold, nms_iou=YUNET_NMS_IOU
        ),
        provenance=provenance or {},
    )


class OnnxDetector:
    """A detector of the YuNet layout in onnxruntime.

    Args:
        path: An ONNX file; None takes the shipped one. A file without a spec is taken for YuNet's
            own if it has its outputs.
        threads: Threads of one run.
        device: Where it runs: `cpu`, `cuda`, `directml`, `coreml`, or the name of one of
            onnxruntime's execution providers.
        score_threshold: Detections below it are left out, 0 to 1; None takes the spec's.

    Attributes:
        path: The file.
        spec: What the network expects and how its cells are read.

    Raises:
        ArtefactError: The file is missing or no ONNX file.
        SpecError: The file is no detector of this layout.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        threads: int = 1,
        device: str = "cpu",
        score_threshold: float | None = None,
    ) -> None:
        self.path = Path(path) if path is not None else SHIPPED
        self._session, spec = open_session(self.path, threads=threads, device=device)
        if spec is None:
            spec = yunet_spec("yunet")
            spec.check_outputs(
                self._session.shapes, f"{self.path} (a file without 'mien.spec', tried as YuNet)"
            )
        if spec.detection is None:
            raise SpecError(f"{self.path}: field 'task': expected 'detection', found '{spec.task}'")
        self.spec = spec
        self._detection: DetectionSpec = spec.detection
        chosen = score_threshold
        self.score_threshold = self._detection.score_threshold if chosen is None else chosen

    def __repr__(self) -> str:
        return f"OnnxDetector({self.spec.name!r}, {str(self.path)!r})"

    def detect(self, frame_rgb: FrameRGB, *, min_face_px: int = 24) -> Faces:
        """Find the faces in one frame; see `Detector.detect`."""
        check_frame_rgb(frame_rgb)
        height, width = frame_rgb.shape[:2]
        target_hw = _scaled_size(height, width, min_face_px)
        faces = self._look(frame_rgb, target_hw)
        boxes = faces.boxes_xyxy
        sides = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        order = np.argsort(-sides, kind="stable")
        return faces.select(order[sides[order] >= min_face_px])

    def _look(self, frame_rgb: FrameRGB, target_hw: tuple[int, int]) -> Faces:
        """Find faces at a size; if it is large, close ones in a smaller, small ones in tiles."""
        longest = max(target_hw)
        whole = min(longest, LONGEST_SIDE_PX)
        found = self._look_at(frame_rgb, target_hw, whole)
        if longest <= CLOSE_SIDE_PX:
            return found
        close = self._look_at(frame_rgb, target_hw, CHEAP_SIDE_PX)
        close = _too_large(close, frame_rgb, whole)
        found = _together(close, suppress_contained(found, close))
        if longest > LONGEST_SIDE_PX:
            tiles = _rescaled(self._tiles(frame_rgb, target_hw), frame_rgb, target_hw)
            close = _too_large(found, frame_rgb, longest)
            found = _together(found, suppress_contained(tiles, close))
        scores = found.detection_scores
        return found.select(
            non_maximum_suppression(found.boxes_xyxy, scores, iou=self._detection.nms_iou)
        )

    def _look_at(self, frame_rgb: FrameRGB, target_hw: tuple[int, int], longest: int) -> Faces:
        """Find faces in the frame as a whole, scaled so that its longer side has some length."""
        share = longest / max(target_hw)
        size_hw = (max(1, round(target_hw[0] * share)), max(1, round(target_hw[1] * share)))
        return _rescaled(self._detect_scaled(_scaled(frame_rgb, size_hw)), frame_rgb, size_hw)

    def _tiles(self, frame_rgb: FrameRGB, target_hw: tuple[int, int]) -> Faces:
        """Find faces in the tiles of a frame at a size, in pixels of that size."""
        large = _scaled(frame_rgb, target_hw)
        found = Faces.none()
        for top in _tile_starts(target_hw[0]):
            for left in _tile_starts(target_hw[1]):
                tile = large[top : top + LONGEST_SIDE_PX, left : left + LONGEST_SIDE_PX]
                faces = _without_cut(self._detect_scaled(tile), tile, (top, left), target_hw)
                found = _together(found, faces)
        return found

    def cells(self, image_rgb: FrameRGB) -> tuple[dict[str, NDArray[np.float32]], tuple[int, int]]:
        """Run the network on an image in its own size, for `decode_cells`.

        Args:
            image_rgb: `(H, W, 3)` uint8, RGB.

        Returns:
            Each output by name, `(cells, values)`, and height and width of the network's input in
            pixels: those of the image, rounded up to what the network accepts.
        """
        batch = padded_input(image_rgb, self.spec.input)
        names = [output.name for output in self.spec.outputs]
        values = self._session.run(names, {self.spec.input.name: batch})
        outputs = {name: value[0] for name, value in zip(names, values, strict=True)}
        return outputs, (batch.shape[2], batch.shape[3])

    def _detect_scaled(self, image_rgb: FrameRGB) -> Faces:
        outputs, input_hw = self.cells(image_rgb)
        return decode_cells(
            outputs,
            input_hw=input_hw,
            strides=self._detection.strides,
            score_threshold=self.score_threshold,
            nms_iou=self._detection.nms_iou,
        )


def _scaled_size(height: int, width: int, min_face_px: int) -> tuple[int, int]:
    """Choose the size at which the smallest wanted face still covers enough pixels."""
    scale = min(NETWORK_FACE_PX / min_face_px, 2.0)
    if scale > 1:
        # Enlarging shows nothing new; it is not worth tiles.
        scale = max(1.0, min(scale, LONGEST_SIDE_PX / max(height, width)))
    scale = max(scale, min(1.0, CHEAP_SIDE_PX / max(height, width)))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _tile_starts(side: int) -> list[int]:
    """Place tiles along a side, evenly, with at least the overlap between neighbours."""
    if side <= LONGEST_SIDE_PX:
        return [0]
    count = math.ceil((side - TILE_OVERLAP_PX) / (LONGEST_SIDE_PX - TILE_OVERLAP_PX))
    return [round(start) for start in np.linspace(0, side - LONGEST_SIDE_PX, count)]


def _without_cut(
    faces: Faces, tile: FrameRGB, corner: tuple[int, int], target_hw: tuple[int, int]
) -> Faces:
    """Move a tile's faces to their place; those that an inner border cuts are another tile's."""
    top, left = corner
    height, width = tile.shape[:2]
    boxes = faces.boxes_xyxy
    inside = (
        ((boxes[:, 0] > 0) | (left == 0))
        & ((boxes[:, 1] > 0) | (top == 0))
        & ((boxes[:, 2] < width) | (left + width == target_hw[1]))
        & ((boxes[:, 3] < height) | (top + height == target_hw[0]))
    )
    shift = np.array([left, top], np.float32)
    return Faces(
        boxes_xyxy=boxes + np.tile(shift, 2),
        landmarks_xy=faces.landmarks_xy + shift,
        detection_scores=faces.detection_scores,
    ).select(np.flatnonzero(inside))


def _too_large(faces: Faces, frame_rgb: FrameRGB, longest: int) -> Faces:
    """Return the faces that would be too large in an input whose longer side has some length."""
    boxes = faces.boxes_xyxy
    sides = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    scale = longest / max(frame_rgb.shape[:2])
    return faces.select(np.flatnonzero(sides * scale > LARGEST_FACE_PX))


def suppress_contained(faces: Faces, close: Faces) -> Faces:
    """Leave out what lies for the most part within faces that are close by."""
    inside = (box_coverage(close.boxes_xyxy, faces.boxes_xyxy) > 0.5).any(axis=0)
    return faces.select(np.flatnonzero(~inside))


def _together(first: Faces, second: Faces) -> Faces:
    return Faces(
        boxes_xyxy=np.concatenate((first.boxes_xyxy, second.boxes_xyxy)),
        landmarks_xy=np.concatenate((first.landmarks_xy, second.landmarks_xy)),
        detection_scores=np.concatenate((first.detection_scores, second.detection_scores)),
    )


def _rescaled(faces: Faces, frame_rgb: FrameRGB, target_hw: tuple[int, int]) -> Faces:
    """Bring faces that were found at a size back into the frame's pixels."""
    height, width = frame_rgb.shape[:2]
    back = np.array([width / target_hw[1], height / target_hw[0]], np.float32)
    return Faces(
        boxes_xyxy=faces.boxes_xyxy * np.tile(back, 2),
        landmarks_xy=faces.landmarks_xy * back,
        detection_scores=faces.detection_scores,
    )


def _scaled(frame_rgb: FrameRGB, target_hw: tuple[int, int]) -> FrameRGB:
    """Resize a frame; whole factors first, which is the quick way."""
    if frame_rgb.shape[:2] == target_hw:
        return frame_rgb
    size = (target_hw[1], target_hw[0])
    image = Image.fromarray(frame_rgb)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))


def padded_input(image_rgb: FrameRGB, spec: InputSpec) -> NDArray[np.float32]:
    """Bring an image `(H, W, 3)` into the network's form, black at the right and below.

    Returns:
        `(1, 3, H, W)`, both sides rounded up to what the network accepts.
    """
    height, width = (
        math.ceil(side / spec.multiple_of) * spec.multiple_of for side in image_rgb.shape[:2]
    )
    channels = image_rgb[..., ::-1] if spec.colour == "bgr" else image_rgb
    batch = np.zeros((1, 3, height, width), np.float32)
    batch[0, :, : image_rgb.shape[0], : image_rgb.shape[1]] = channels.transpose(2, 0, 1)
    mean, std = (np.array(values, np.float32)[:, None, None] for values in (spec.mean, spec.std))
    if mean.any() or (std != 1).any():
        batch = (batch - mean) / std
    return batch
