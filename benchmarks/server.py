"""How the server holds up: a hundred clients at once, too many clients, faces measured together.

    python benchmarks/server.py --json benchmarks/results/server.json --write docs/benchmarks.md

The clients send 640x480 JPEGs over loopback from a process of their own, each the next one when the
answer is there. The baseline is `Analyzer.stream` over the same files in this process. Clients and
server share the machine's cores, so that the ratio holds the cost of HTTP on both sides.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import uvicorn
from machine import machine, peak_memory_mb
from marked import markdown_table, write_json, write_marked
from PIL import Image

import mien
from mien.inference import EmotionModel
from mien.server import ServerOptions, create_app, uvicorn_config

SAMPLES = Path(mien.__file__).parent / "assets" / "samples"
IMAGES = 40
CLIENTS, TOO_MANY = 100, 400


def make_images(folder: Path) -> list[Path]:
    """Write 640x480 photos, cut differently out of the sample photos."""
    paths = []
    photos = [Image.open(path).convert("RGB") for path in sorted(SAMPLES.glob("*.jpg"))]
    for number in range(IMAGES):
        photo = photos[number % len(photos)]
        left = number / IMAGES * 0.1 * photo.width
        box = (left, 0, left + 0.9 * photo.width, 0.9 * photo.width * 3 / 4)
        paths.append(folder / f"{number:03}.jpg")
        photo.resize((640, 480), box=box).save(paths[-1], quality=90)
    return paths


def in_process(paths: list[Path], seconds: float) -> float:
    """Return images a second of the library on the same files."""
    analyzer = mien.Analyzer()
    rounds = [str(path) for path in paths] * 5
    for _ in analyzer.stream(rounds[:20]):
        pass
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        count += sum(1 for _ in analyzer.stream(rounds))
    return count / (time.perf_counter() - began)


def serve(jobs: Path, ready: multiprocessing.connection.Connection) -> None:
    """Run a server until told to end; answer with its port and, at the end, its peak memory."""
    options = ServerOptions(jobs=jobs, requests_per_minute=10**9)
    settings = uvicorn_config(create_app(options), options, port=0)
    listening = settings.bind_socket()
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    ready.send(listening.getsockname()[1])
    ready.recv()
    server.should_exit = True
    thread.join()
    ready.send(peak_memory_mb())


async def _client(
    port: int, bodies: list[bytes], until: float, found: list[tuple[int, float]]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for body in itertools.cycle(bodies):
        if time.perf_counter() > until:
            break
        began = time.perf_counter()
        head = (
            "POST /v1/analyze HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await writer.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        status = int(answer.split(b" ", 2)[1])
        length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        found.append((status, time.perf_counter() - began))
    writer.close()


def load(port: int, folder: Path, clients: int, seconds: float) -> list[tuple[int, float]]:
    """Return status and seconds of each answer."""
    bodies = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
    found: list[tuple[int, float]] = []

    async def all_of_them() -> None:
        until = time.perf_counter() + seconds
        await asyncio.gather(
            *(
                _client(port, bodies[n % 7 :] + bodies[: n % 7], until, found)
                for n in range(clients)
            )
        )

    asyncio.run(all_of_them())
    return found


def batching() -> tuple[float, float]:
    """Return milliseconds per face alone and together with fifteen others."""
    model = EmotionModel()
    crops = np.random.default_rng(0).uniform(0, 255, (16, 48, 48)).astype(np.float32)
    spent = []
    for batches in ([crops[n : n + 1] for n in range(16)], [crops]):
        times = []
        for _ in range(15):
            began = time.perf_counter()
            for batch in batches:
                model.probabilities(batch)
            times.append((time.perf_counter() - began) / 16)
        spent.append(1000 * float(np.median(times)))
    return spent[0], spent[1]


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of the load")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name, spawn.Pool(1) as pool:
        folder = Path(name)
        paths = make_images(folder)
        alone = in_process(paths, arguments.seconds / 4)
        here, there = spawn.Pipe()
        server = spawn.Process(target=serve, args=(folder / "jobs", there))
        server.start()
        port = here.recv()
        pool.apply(load, (port, folder, 4, 2.0))
        answers = pool.apply(load, (port, folder, CLIENTS, arguments.seconds))
        flood = pool.apply(load, (port, folder, TOO_MANY, arguments.seconds / 6))
        after = pool.apply(load, (port, folder, 4, 2.0))
        here.send("end")
        peak = here.recv()
        server.join()
    good = [spent for status, spent in answers if status == 200]
    late = [spent for status, spent in flood if status == 503]
    rate = len(good) / arguments.seconds
    single, together = batching()
    rows = [
        ["in-process `Analyzer.stream`", f"{alone:.0f} images a second"],
        [f"{CLIENTS} clients at once", f"{rate:.0f} images a second, {rate / alone:.2f} of that"],
        ["answers other than 200 among them", f"{len(answers) - len(good)} of {len(answers):,}"],
        ["time of an answer, median, p99", f"{_ms(good, 50)}, {_ms(good, 99)}"],
        [
            f"{TOO_MANY} clients at once: refused with 503",
            f"{len(late):,} of {len(flood):,}, median {_ms(late, 50)}",
        ],
        ["answered rightly just after that", f"{_share(after)}"],
        ["a face alone, and among 16 in one run", f"{single:.2f} ms, {together:.2f} ms"],
        ["most memory of the server", f"{peak:.0f} MB"],
    ]
    head = f"server and clients on {machine()}, 640x480 JPEGs"
    table = markdown_table([head, "found"], rows)
    print(table)
    for path in arguments.write:
        write_marked(path, "server", table)
    if arguments.json:
        write_json(arguments.json, rows)


def _ms(seconds: list[float], percentile: float) -> str:
    return f"{1000 * np.percentile(seconds, percentile):.0f} ms" if seconds else "none"


def _share(answers: list[tuple[int, float]]) -> str:
    return f"{sum(status == 200 for status, _ in answers)} of {len(answers)}"


if __name__ == "__main__":
    main()
