"""The analysis behind the API: the networks, the threads and the limits of all endpoints."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import functools
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mien.detect import FileDetector
from mien.errors import MediaError
from mien.inference import Analyzer, Pipeline
from mien.options import FaceOptions
from mien.server.batching import Batcher
from mien.server.decoding import Decoder, WorkSlots
from mien.server.errors import ApiError
from mien.server.limits import ConcurrencyLimit, MemoryBudget
from mien.server.metrics import Metrics
from mien.server.options import ServerOptions
from mien.structures import Frame, FrameResult

__all__ = ["Service"]

_JPEG_QUALITY = 88


class Service:
    """The networks, threads and limits that all endpoints share.

    Args:
        analyzer: The networks.
        detector: The analyzer's detector, with its file.
        options: Limits.
    """

    def __init__(self, analyzer: Analyzer, detector: FileDetector, options: ServerOptions) -> None:
        self.analyzer, self.detector, self.options = analyzer, detector, options
        self.pipeline = analyzer.pipeline
        self.metrics = Metrics()
        self.image_limit = ConcurrencyLimit(options.max_image_requests, "requests")
        self.body_memory = MemoryBudget(options.max_total_image_bytes)
        self.stream_limit = ConcurrencyLimit(options.max_streams, "streams")
        self.decoder = Decoder(options)
        self.slots = WorkSlots(options.workers)
        self.pool = ThreadPoolExecutor(self.slots.count, "mien-images")
        self.batcher = Batcher(analyzer.model.classify, on_run=self.metrics.batch.observe)
        self.closing = False

    def analyzer_for(self, *, units: bool) -> Analyzer:
        """Return the networks for a request; that of units is loaded when one asks for it.

        Not for the event loop, which would wait for the loading: see `pipeline_for`.
        """
        return self._with_units if units else self.analyzer

    async def pipeline_for(self, *, units: bool) -> Pipeline:
        """Return the pipeline for a request; that of units is loaded when one asks for it."""
        if not units:
            return self.pipeline
        loop = asyncio.get_running_loop()
        return (await loop.run_in_executor(self.pool, lambda: self._with_units)).pipeline

    @functools.cached_property
    def _with_units(self) -> Analyzer:
        options = self.pipeline.options
        return Analyzer(
            self.analyzer.model, detector=self.detector, face_options=options, units=True
        )

    def close(self) -> None:
        """Finish the running work and stop the threads."""
        self.closing = True
        self.pool.shutdown(cancel_futures=True)
        self.batcher.close()

    async def analyze(
        self,
        data: bytes,
        source: str,
        *,
        caller: str,
        face_options: FaceOptions | None = None,
        draw: bool = False,
        units: bool = False,
    ) -> dict[str, Any]:
        """Analyse one encoded image; the answer has an `error` if it cannot be read.

        Raises:
            ApiError: 503 after `request_timeout_s`.
        """
        try:
            pipeline = (await self.pipeline_for(units=units)).with_options(face_options)
            work = self._analyze(data, source, caller, pipeline, draw)
            return await asyncio.wait_for(work, self.options.request_timeout_s)
        except MediaError as error:
            return _document(FrameResult(source=source, error=error.reason))
        except TimeoutError:
            limit = f"{self.options.request_timeout_s:g} s"
            raise ApiError(
                503, f"{source}: took longer than {limit}", headers={"Retry-After": "5"}
            ) from None

    async def _analyze(
        self, data: bytes, source: str, caller: str, pipeline: Pipeline, draw: bool
    ) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        # The slot is kept while the decoded image is in memory: a small upload may be a large one.
        async with self.slots.take(caller):
            image = await self.decoder.decode_image(data, source)
            detected = await loop.run_in_executor(
                self.pool, pipeline.detect_and_crop_scaled, image.frame, image.size_hw
            )
            units = None
            if pipeline.unit_model is not None:
                (units,) = await loop.run_in_executor(self.pool, pipeline.read_units, [detected])
            if draw:
                answers = await asyncio.wrap_future(self.batcher.submit(detected.crops))
                copy = dataclasses.replace(detected, size_hw=None)
                searched = pipeline.record(copy, answers, units=units)
                jpeg = await loop.run_in_executor(self.pool, _drawn_jpeg, image.frame, searched)
        if not draw:
            answers = await asyncio.wrap_future(self.batcher.submit(detected.crops))
        document = _document(pipeline.record(detected, answers, units=units))
        if draw:
            document["drawn_jpeg"] = jpeg
        self.metrics.faces.inc(len(document["faces"]))
        return document

    async def model_info(self) -> dict[str, Any]:
        """Return the specs of the models, without the sketch of the training data."""
        units = (await self.pipeline_for(units=True)).unit_model
        specs = {
            "emotion": self.pipeline.model.spec,
            "face": self.detector.spec,
            "units": None if units is None else units.spec,
        }
        documents = {
            name: dataclasses.asdict(spec) for name, spec in specs.items() if spec is not None
        }
        for document in documents.values():
            document["provenance"].pop("training_sketch", None)
        return documents


def _drawn_jpeg(frame: Frame, result: FrameResult) -> str:
    jpeg = io.BytesIO()
    result.plot(frame_rgb=frame.frame_rgb).save(jpeg, "JPEG", quality=_JPEG_QUALITY)
    return base64.b64encode(jpeg.getvalue()).decode()


def _document(result: FrameResult) -> dict[str, Any]:
    document: dict[str, Any] = {
        "source": result.source,
        "width": result.width,
        "height": result.height,
        "faces": [] if result.error is not None else result.to_rows(),
        "notes": list(result.notes),
    }
    if result.error is not None:
        document["error"] = result.error
    return document
