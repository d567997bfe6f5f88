"""`mien serve`: the web page and the API."""

from __future__ import annotations

import ipaddress
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from mien.cli.defaults import PythonDefault
from mien.cli.messages import LOG, refuse_ignored
from mien.cli.options import FACE_DEFAULTS, DetectorFile, Device, EmotionFile, MinFacePx, MinScore
from mien.errors import InputError
from mien.options import MAX_WORKERS, FaceOptions

__all__ = ["serve"]

_MB = 1_000_000
_MAX_MB = 1_000_000
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def serve(
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others need --keys.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free port.")] = 8000,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Require API keys; FILE has their hashes.")
    ] = None,
    new_key: Annotated[
        str | None, typer.Option(metavar="NAME", help="Add a key to --keys, print it and exit.")
    ] = None,
    jobs: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            default_factory=PythonDefault("mien.server:ServerOptions", "jobs"),
            help="Folder of uploads and results: new, empty, or of an earlier run.",
        ),
    ],
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep uploaded videos as long as their results.")
    ] = False,
    cors: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Allow web pages of this origin; repeatable."),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Another host name of this server; repeatable."),
    ] = None,
    trust_proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address or network of a proxy whose X-Forwarded-For is read; repeatable.",
        ),
    ] = None,
    max_upload: Annotated[
        int, typer.Option(min=1, max=_MAX_MB, metavar="MB", help="Limit of a request with images.")
    ] = 32,
    max_video: Annotated[
        int, typer.Option(min=1, max=_MAX_MB, metavar="MB", help="Limit of a video.")
    ] = 2000,
    rate: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            default_factory=PythonDefault("mien.server:ServerOptions", "requests_per_minute"),
            help="Limit of requests per minute, per key or address.",
        ),
    ],
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MAX_WORKERS,
            metavar="N",
            help="Images decoded and searched at the same time; else one per core.",
        ),
    ] = None,
    min_face_px: MinFacePx = FACE_DEFAULTS.min_face_px,
    min_score: MinScore = FACE_DEFAULTS.min_score,
    model: EmotionFile = None,
    detector: DetectorFile = None,
    device: Device,
) -> None:
    """Serve the web page, which analyses in the visitor's browser, and the REST API.

    \b
    Examples:
      mien serve --open
      mien serve --keys keys.json --new-key phone
      mien serve --host 0.0.0.0 --keys keys.json
      mien serve --name example.org --trust-proxy 127.0.0.1
    """
    from mien.detect import OnnxDetector
    from mien.inference import EmotionModel
    from mien.server import (
        KeyFile,
        ServerOptions,
        StoppingServer,
        create_app,
        uvicorn_config,
    )

    if new_key is not None:
        if keys is None:
            raise typer.BadParameter("--new-key needs a file; add --keys FILE")
        refuse_ignored(
            "with --new-key",
            *("host", "port", "open_", "jobs", "keep", "cors", "name", "trust_proxy", "max_upload"),
            *("max_video", "rate", "workers", "min_face_px", "min_score", "model", "detector"),
            "device",
        )
        print(KeyFile(keys).add(new_key))
        LOG.info(f"saved its hash as '{new_key}' in {keys}; the key is shown only once")
        return
    if not _is_loopback(host) and (keys is None or len(KeyFile(keys)) == 0):
        raise InputError(
            f"--host {host}: other machines can reach this address, so callers need keys. Make a "
            "key with: mien serve --keys keys.json --new-key NAME, then pass --keys keys.json"
        )
    if keys is not None and len(KeyFile(keys)) == 0:
        LOG.warning(
            f"{keys}: has no key yet, so every call is refused. Make one with: mien serve --keys "
            f"{keys} --new-key NAME"
        )
    options = ServerOptions(
        keys=keys,
        jobs=jobs,
        keep_videos=keep,
        allowed_origins=tuple(cors or ()),
        host_names=(*_LOOPBACK, _url_host(host), *(name or ())) if keys is None else None,
        trusted_proxies=tuple(trust_proxy or ()),
        max_image_bytes=max_upload * _MB,
        max_video_bytes=max_video * _MB,
        requests_per_minute=rate,
        workers=workers,
        faces=FaceOptions(min_face_px=min_face_px, min_score=min_score),
    )
    app = create_app(
        options,
        model=EmotionModel(model, device=device),
        detector=OnnxDetector(detector, device=device),
    )
    config = uvicorn_config(app, options, host=host, port=port)
    listener = _listen(host, port)
    address = f"http://{_url_host(host)}:{listener.getsockname()[1]}/"
    if name and keys is None and not trust_proxy:
        LOG.warning(
            "without --keys and --trust-proxy, all clients behind a proxy count as one caller and "
            "see each other's jobs"
        )
    LOG.info(f"mien serves at {address}  (stop with Ctrl-C)")
    if open_:
        import webbrowser

        webbrowser.open(address)
    StoppingServer(config).run([listener])


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to the server's address."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family)
        if sys.platform == "win32":  # where SO_REUSEADDR lets a second server take the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()  # whoever reads the address may connect at once
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"cannot listen at {_url_host(host)}:{port}: {reason}. Choose another --port or "
            "another --host"
        ) from error
    listener.set_inheritable(True)
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
