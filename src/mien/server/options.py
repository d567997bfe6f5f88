"""The options of a server: keys, folders and limits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from mien.errors import InputError
from mien.options import FaceOptions, check_count, check_types

__all__ = ["ServerOptions"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How a server behaves; sizes in bytes, times in seconds.

    Attributes:
        keys: The file of hashed API keys. None needs no key, which is safe on loopback only.
        jobs: The folder of uploads, results and the list of jobs. It is made with the first job. A
            folder with other contents is refused.
        keep_videos: Whether uploaded videos stay as long as their results.
        retention_s: Finished jobs are removed after this time.
        allowed_origins: Origins whose pages may call the API; none by default.
        host_names: The values of the `Host` header that are accepted; this stops DNS rebinding.
            None accepts all, which is safe with keys.
        trusted_proxies: Addresses and networks of proxies whose `X-Forwarded-For` is read; none by
            default.
        faces: Which faces count, unless a request gives other values.
        max_image_bytes: Limit of the body of one request with images.
        max_images: Limit of the images of one request.
        max_pixels: Limit of the pixels of one image.
        max_search_pixels: Larger images are scaled down to so many pixels before faces are searched
            in them, which bounds the work on one image. Frames of a stream may not have more.
        max_video_bytes: Limit of one video file.
        max_video_s: Limit of the length of one video.
        concurrent_jobs: How many videos are analysed at the same time.
        max_jobs: Limit of the jobs that wait or run.
        max_jobs_per_caller: Limit of the jobs of one key that wait or run; without keys, of one
            address.
        max_job_s: A job fails after this much work.
        max_image_requests: Limit of the requests with images that are served at the same time.
        max_total_image_bytes: Limit of the bodies with images in memory, all requests together.
        max_streams: Limit of the web sockets that are open at the same time.
        max_connections: Limit of the connections that are open at the same time.
        requests_per_minute: Limit of the requests of one key; without keys, of one address.
        upload_timeout_s: Time for each 10 MB of a request's body.
        head_timeout_s: Time for the head of a request; an idle connection is closed after it.
        stream_timeout_s: A web socket that receives nothing for this time is closed.
        request_timeout_s: Time for the analysis of one image.
        decode_timeout_s: Time for decoding one image, or opening one video.
        max_decode_bytes: Limit of the memory for decoding one image; enforced on Linux.
        ready_wait_s: The server is not ready if an image has waited for longer than this.
        stop_timeout_s: Time for the requests that run when the server is stopped.
        workers: Images that are decoded and searched for faces at the same time; None takes one per
            core.

    Raises:
        InputError: A value has another type, or a limit is negative.
    """

    keys: str | Path | None = None
    jobs: str | Path = Path("mien-jobs")
    keep_videos: bool = False
    retention_s: float = 24 * 3600.0
    allowed_origins: tuple[str, ...] = ()
    host_names: tuple[str, ...] | None = None
    trusted_proxies: tuple[str, ...] = ()
    faces: FaceOptions = dataclasses.field(default_factory=FaceOptions)
    max_image_bytes: int = 32_000_000
    max_images: int = 32
    max_pixels: int = 50_000_000
    max_search_pixels: int = 12_000_000
    max_video_bytes: int = 2_000_000_000
    max_video_s: float = 4 * 3600.0
    concurrent_jobs: int = 1
    max_jobs: int = 32
    max_jobs_per_caller: int = 8
    max_job_s: float = 6 * 3600.0
    max_image_requests: int = 128
    max_total_image_bytes: int = 512_000_000
    max_streams: int = 8
    max_connections: int = 1000
    requests_per_minute: int = 6000
    upload_timeout_s: float = 30.0
    head_timeout_s: float = 15.0
    stream_timeout_s: float = 60.0
    request_timeout_s: float = 60.0
    decode_timeout_s: float = 10.0
    max_decode_bytes: int = 1_000_000_000
    ready_wait_s: float = 10.0
    stop_timeout_s: int = 8
    workers: int | None = None

    def __post_init__(self) -> None:
        check_types(self)
        if self.workers is not None:
            check_count("workers", self.workers)
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not value >= 0:
                raise InputError(f"{field.name}: expected 0 or more, found {value!r}")

    def face_options(
        self, *, min_face_px: int | None = None, min_score: float | None = None
    ) -> FaceOptions:
        """Return the face options of a request; None takes the server's default."""
        return dataclasses.replace(
            self.faces,
            min_face_px=self.faces.min_face_px if min_face_px is None else min_face_px,
            min_score=self.faces.min_score if min_score is None else min_score,
        )
