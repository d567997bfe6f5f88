"""Face detectors: what they have to do, and the one that runs an ONNX file."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mien._checking import check_path
from mien._decode import FieldError
from mien.detect.decoder import Decoder, find_decoder
from mien.detect.tiling import detect_multiscale
from mien.detect.yunet import yunet_spec
from mien.errors import InputError, SpecError
from mien.runtime import open_session
from mien.spec import DetectionSpec, InputSpec, ModelSpec
from mien.structures import Faces, FrameRGB, check_frame_rgb

__all__ = ["Detector", "FileDetector", "OnnxDetector", "padded_input"]

SHIPPED = Path(__file__).parent.parent / "assets" / "face.onnx"


class Detector(Protocol):
    """Anything that finds faces: `Analyzer(detector=...)` takes any object with this method.

    The same detector is called from several threads at once. What has to be sent to other processes
    must be picklable.

    A detector from elsewhere is wrapped in a few lines::

        class MyDetector:
            def detect(self, frame_rgb, *, min_face_px=24):
                boxes, points, scores = my_network(frame_rgb)
                faces = Faces(
                    boxes_xyxy=boxes,  # (F, 4) float32
                    landmarks_xy=points,  # (F, 5, 2) float32
                    detection_scores=scores,  # (F,) float32
                )
                sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
                order = np.argsort(-sides)
                return faces.select(order[sides[order] >= min_face_px])
    """

    def detect(self, frame_rgb: FrameRGB, *, min_face_px: int = 24) -> Faces:
        """Find the faces in one frame.

        Args:
            frame_rgb: `(H, W, 3)` uint8, RGB, top row first.
            min_face_px: Faces whose shorter side is below this many pixels are left out.

        Returns:
            `Faces` of length F, largest shorter side first; F is 0 when there is none. Boxes and
            landmarks are in pixels of `frame_rgb`; boxes may reach beyond it. The landmarks are the
            person's right eye, left eye, nose, right and left mouth corner: faces are aligned by
            them.

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


class OnnxDetector:
    """A detector network in onnxruntime.

    Args:
        path: An ONNX file; None takes the shipped one. A file without a spec is taken for YuNet's
            own if it has its outputs.
        threads: Threads of one run.
        device: Where it runs: `cpu`, `cuda`, `directml`, `coreml`, or the name of one of
            onnxruntime's execution providers.
        score_threshold: Detections below it are left out, 0 to 1; None takes the spec's.

    Attributes:
        path: The file.
        spec: What the network expects and how its outputs are laid out.
        score_threshold: The threshold in use.

    Raises:
        ArtefactError: The file is missing or no ONNX file, or gives numbers that are not finite.
        InputError: The threshold is outside of 0 to 1.
        SpecError: The file is not a detector, or its outputs are not those of a known layout.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        threads: int = 1,
        device: str = "cpu",
        score_threshold: float | None = None,
    ) -> None:
        self.path = check_path("path", path) if path is not None else SHIPPED
        self._threads, self._device = threads, device
        self._session, spec = open_session(self.path, threads=threads, device=device)
        if spec is None:
            spec = yunet_spec("yunet")
            spec.check_graph(
                self._session.graph, f"{self.path} (a file without 'mien.spec', tried as YuNet)"
            )
        if spec.detection is None:
            raise SpecError(f"{self.path}: field 'task': expected 'detection', found '{spec.task}'")
        self.spec = spec
        self._detection: DetectionSpec = spec.detection
        self._decode: Decoder = find_decoder(spec.detection, str(self.path))
        default = self._detection.score_threshold
        self.score_threshold = default if score_threshold is None else score_threshold
        if not 0 <= self.score_threshold <= 1:
            raise InputError(f"score_threshold: expected 0 to 1, found {score_threshold}")
        # Once on a small grey image that is not square, so that what is wrong shows here.
        side = spec.input.multiple_of
        self._detect_at_own_size(np.full((side, 2 * side, 3), 128, np.uint8))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle how it is loaded: another process, or machine, opens its own file."""
        load = functools.partial(
            OnnxDetector,
            threads=self._threads,
            device=self._device,
            score_threshold=self.score_threshold,
        )
        return load, (None if self.path == SHIPPED else self.path,)

    def __repr__(self) -> str:
        return f"OnnxDetector({self.spec.name!r}, {str(self.path)!r})"

    def detect(self, frame_rgb: FrameRGB, *, min_face_px: int = 24) -> Faces:
        """Find the faces in one frame; see `Detector.detect`."""
        faces = detect_multiscale(
            self._detect_at_own_size,
            check_frame_rgb(frame_rgb),
            min_face_px=min_face_px,
            nms_iou=self._detection.nms_iou,
            max_face_px=self._detection.max_face_px,
        )
        boxes = faces.boxes_xyxy
        sides = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        order = np.argsort(-sides, kind="stable")
        return faces.select(order[sides[order] >= min_face_px])

    def raw_outputs(
        self, image_rgb: FrameRGB
    ) -> tuple[dict[str, NDArray[np.float32]], tuple[int, int]]:
        """Run the network on an image in its own size, without decoding.

        Args:
            image_rgb: `(H, W, 3)` uint8, RGB.

        Returns:
            Each output by name, without the batch's axis, and height and width of the network's
            input in pixels: those of the image, rounded up to what the network accepts.

        Raises:
            ArtefactError: The network cannot be run, or gives numbers that are not finite.
        """
        batch = padded_input(image_rgb, self.spec.input)
        names = [output.name for output in self.spec.outputs]
        values = self._session.run(names, {self.spec.input.name: batch})
        outputs = {name: value[0] for name, value in zip(names, values, strict=True)}
        return outputs, (batch.shape[2], batch.shape[3])

    def _detect_at_own_size(self, image_rgb: FrameRGB) -> Faces:
        outputs, input_hw = self.raw_outputs(image_rgb)
        try:
            return self._decode(
                outputs,
                input_hw=input_hw,
                strides=self._detection.strides,
                score_threshold=self.score_threshold,
                nms_iou=self._detection.nms_iou,
            )
        except FieldError as error:
            raise SpecError(f"{self.path}: {error}") from error


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
        batch -= mean
        batch /= std
    return batch
