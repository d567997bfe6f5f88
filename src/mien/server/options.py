"""What a server may be asked for, and how much of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from mien.options import FaceOptions

__all__ = ["ServerOptions"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How a server behaves; sizes in bytes, times in seconds.

    Attributes:
        keys: A file of hashed API keys; None asks for none, which is for loopback only.
        jobs: The folder of uploads, results and the list of jobs; made and marked as ours with the
            first job. One that holds anything else is refused.
        keep: Whether uploaded videos stay as long as their results.
        retention_s: Finished jobs are removed after so long.
        cors: Origins whose pages may call the API; none by default.
        names: Names by which the server may be called, against pages that have their own name point
            here; None asks for none, which is for servers that ask for keys.
        trusted_proxies: Addresses and networks of proxies that may say in `X-Forwarded-For` for
            whom they ask; from anybody else that header is not read. None by default.
        faces: Which faces count, unless a request says otherwise.
        max_image_bytes: Of one request with images.
        max_images: Of one request.
        max_pixels: Of one image.
        max_video_bytes: Of one video.
        max_video_s: Of one video.
        concurrent_jobs: Videos that are analysed at the same time.
        max_jobs: Jobs that wait or run; more are refused.
        max_jobs_each: The same, of one key or of one address where no keys are asked for.
        max_job_s: A job that has worked for so long fails.
        max_waiting: Requests with images that are in work; more are refused.
        max_bytes_waiting: Of bodies in memory, all requests together.
        max_streams: Web sockets at the same time.
        max_connections: At the same time.
        requests_per_minute: Of one key, or of one address where no keys are asked for.
        upload_timeout_s: A request's body has to come within this time, per 10 MB begun.
        head_timeout_s: A request's head has to come within this time; an idle connection ends then.
        stream_timeout_s: A web socket on which nothing came for so long is closed.
        request_timeout_s: Images have to be analysed within this time.
        workers: Threads that decode and look for faces; None takes one per core.
    """

    keys: Path | None = None
    jobs: Path = Path("mien-jobs")
    keep: bool = False
    retention_s: float = 24 * 3600.0
    cors: tuple[str, ...] = ()
    names: tuple[str, ...] | None = None
    trusted_proxies: tuple[str, ...] = ()
    faces: FaceOptions = dataclasses.field(default_factory=FaceOptions)
    max_image_bytes: int = 32_000_000
    max_images: int = 32
    max_pixels: int = 50_000_000
    max_video_bytes: int = 2_000_000_000
    max_video_s: float = 4 * 3600.0
    concurrent_jobs: int = 1
    max_jobs: int = 32
    max_jobs_each: int = 8
    max_job_s: float = 6 * 3600.0
    max_waiting: int = 128
    max_bytes_waiting: int = 512_000_000
    max_streams: int = 8
    max_connections: int = 1000
    requests_per_minute: int = 6000
    upload_timeout_s: float = 30.0
    head_timeout_s: float = 15.0
    stream_timeout_s: float = 60.0
    request_timeout_s: float = 60.0
    workers: int | None = None

    def face_options(
        self, *, min_face_px: int | None = None, min_score: float | None = None
    ) -> FaceOptions:
        """Return the face options of a request; None takes the server's own."""
        return dataclasses.replace(
            self.faces,
            min_face_px=self.faces.min_face_px if min_face_px is None else min_face_px,
            min_score=self.faces.min_score if min_score is None else min_score,
        )
