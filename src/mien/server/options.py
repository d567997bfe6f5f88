"""The options of a server: keys, folders and limits."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from mien._checking import FilePath, Matching, Within, check_options
from mien.errors import OptionsError
from mien.options import MAX_TIME_S, MAX_WORKERS, FaceOptions
from mien.server.proxies import TrustedProxies

__all__ = ["MAX_BYTES", "MAX_COUNT", "ServerOptions"]

MAX_BYTES = 10**15

MAX_COUNT = 10**9

Bytes = Annotated[int, Within(1, MAX_BYTES)]

Count = Annotated[int, Within(1, MAX_COUNT)]

Time = Annotated[float, Within(0, MAX_TIME_S)]

Timeout = Annotated[float, Within(0, 24 * 3600, above=True)]

_HOST_NAME = Matching(
    "a host name or address without a port, such as example.org",
    r"[\w-]+(\.[\w-]+)*\.?|\[[0-9a-fA-F:.]+\]",
)

_ORIGIN = Matching(
    "an origin in lower case without a path or query, such as https://example.org",
    r"null|[a-z][a-z0-9+.-]*://[^/?#\sA-Z]+",
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How a server behaves; sizes in bytes, times in seconds.

    Attributes:
        keys: The file of hashed API keys. None needs no key, which is safe on loopback only.
        jobs: The folder of uploads, results and the list of jobs. It is made with the first job. A
            folder with other contents is refused.
        keep_videos: Whether uploaded videos stay as long as their results.
        retention_s: Finished jobs are removed after this time.
        allowed_origins: Origins whose pages may call the API, as browsers send them, such as
            `https://example.org`; none by default.
        host_names: The values of the `Host` header that are accepted, without ports, in whatever
            case; this stops DNS rebinding. None accepts all, which is safe with keys.
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
        concurrent_jobs: How many videos are analysed at the same time; with 0 they only wait.
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
        OptionsError: A value has another type or is out of its range.
        InputError: A trusted proxy is not an address or network.
    """

    keys: FilePath | None = None
    jobs: FilePath = Path("mien-jobs")
    keep_videos: bool = False
    retention_s: Time = 24 * 3600.0
    allowed_origins: tuple[Annotated[str, _ORIGIN], ...] = ()
    host_names: tuple[Annotated[str, _HOST_NAME], ...] | None = None
    trusted_proxies: tuple[str, ...] = ()
    faces: FaceOptions = dataclasses.field(default_factory=FaceOptions)
    max_image_bytes: Bytes = 32_000_000
    max_images: Annotated[int, Within(1, 10_000)] = 32
    max_pixels: Annotated[int, Within(1, 10**10)] = 50_000_000
    max_search_pixels: Annotated[int, Within(1, 10**10)] = 12_000_000
    max_video_bytes: Bytes = 2_000_000_000
    max_video_s: Time = 4 * 3600.0
    concurrent_jobs: Annotated[int, Within(0, MAX_WORKERS)] = 1
    max_jobs: Count = 32
    max_jobs_per_caller: Count = 8
    max_job_s: Time = 6 * 3600.0
    max_image_requests: Count = 128
    max_total_image_bytes: Bytes = 512_000_000
    max_streams: Count = 8
    max_connections: Count = 1000
    requests_per_minute: Count = 6000
    upload_timeout_s: Timeout = 30.0
    head_timeout_s: Timeout = 15.0
    stream_timeout_s: Timeout = 60.0
    request_timeout_s: Timeout = 60.0
    decode_timeout_s: Timeout = 10.0
    max_decode_bytes: Annotated[int, Within(1_000_000, MAX_BYTES)] = 1_000_000_000
    ready_wait_s: Time = 10.0
    stop_timeout_s: Annotated[int, Within(0, 3600)] = 8
    workers: Annotated[int, Within(1, MAX_WORKERS)] | None = None

    def __post_init__(self) -> None:
        check_options(self)
        if self.host_names is not None and not self.host_names:
            raise OptionsError(
                "host_names: expected a name or more, found none, which refuses every call; None "
                "accepts all"
            )
        TrustedProxies(self.trusted_proxies)

    def face_options(
        self, *, min_face_px: int | None = None, min_score: float | None = None
    ) -> FaceOptions:
        """Return the face options of a request; None takes the server's default."""
        return dataclasses.replace(
            self.faces,
            min_face_px=self.faces.min_face_px if min_face_px is None else min_face_px,
            min_score=self.faces.min_score if min_score is None else min_score,
        )
