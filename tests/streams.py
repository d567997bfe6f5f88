"""Servers on this machine that send videos as cameras on a network do, for tests."""

from __future__ import annotations

import contextlib
import http.server
import io
import socket
import socketserver
import struct
import threading
import time
from fractions import Fraction

import av
import numpy as np
from PIL import Image

__all__ = ["http_server", "motion_jpeg", "rtsp_server"]

BOUNDARY = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n"


def motion_jpeg(frames, *, per_second):
    """Yield the parts of a motion JPEG stream, at its pace."""
    for pixels in frames:
        packed = io.BytesIO()
        Image.fromarray(pixels).save(packed, "JPEG", quality=90)
        yield BOUNDARY + packed.getvalue() + b"\r\n"
        time.sleep(1 / per_second)


@contextlib.contextmanager
def http_server(answers, kind="multipart/x-mixed-replace; boundary=frame", exhausted=None):
    """Serve each of the answers (iterables of bytes) to one request, and nothing to others.

    `exhausted` is called for each request that gets nothing.
    """
    waiting = iter(answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            answer = next(waiting, None)
            if answer is None:
                if exhausted is not None:
                    exhausted()
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            with contextlib.suppress(OSError):
                for part in answer:
                    self.wfile.write(part)

        def log_message(self, *_):
            pass

    with _served(Handler) as port:
        yield f"http://127.0.0.1:{port}/stream"


@contextlib.contextmanager
def rtsp_server(frames, *, per_second):
    """Serve frames as H.264 over RTSP, the packets within the connection."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError):
                while (request := self._request()) is not None:
                    method, number = request
                    self._answer(method, number)
                    if method == "PLAY":
                        self._play()
                        return

        def _request(self):
            lines = []
            while (line := self.rfile.readline().decode().strip()) or not lines:
                if not line:
                    return None
                lines.append(line)
            number = next(each.split(":")[1] for each in lines if each.startswith("CSeq"))
            return lines[0].split()[0], number.strip()

        def _answer(self, method, number):
            body, more = "", "Session: 1\r\n"
            if method == "OPTIONS":
                more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            elif method == "DESCRIBE":
                body = (
                    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
                    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                    "a=fmtp:96 packetization-mode=1\r\na=control:video\r\n"
                )
                more = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
            elif method == "SETUP":
                more += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            answer = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{more}\r\n{body}"
            self.wfile.write(answer.encode())

        def _play(self):
            for packet in _rtp_packets(frames, per_second):
                self.wfile.write(struct.pack(">cBH", b"$", 0, len(packet)) + packet)

    with _served(Handler) as port:
        yield f"rtsp://127.0.0.1:{port}/camera"


def _rtp_packets(frames, per_second):
    """Have FFmpeg send a video to a socket of ours, which knows how to cut it into packets."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        address = f"rtp://127.0.0.1:{receiver.getsockname()[1]}?pkt_size=1200"
        with av.open(address, "w", format="rtp") as out:
            fast = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "keyint=10"}
            stream = out.add_stream("libx264", rate=per_second, options=fast)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            for number, pixels in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
                frame.pts, frame.time_base = number, Fraction(1, per_second)
                for packet in stream.encode(frame):
                    out.mux(packet)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        yield receiver.recv(65536)
                time.sleep(1 / per_second)


@contextlib.contextmanager
def _served(handler):
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
