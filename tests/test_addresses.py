import pytest

from mien._addresses import without_credentials
from mien.errors import MediaError


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://admin:secret@cam:554/stream", "rtsp://***@cam:554/stream"),
        ("rtsp://admin@cam/stream", "rtsp://***@cam/stream"),
        ("RTSP://admin:p@ss/w?o#rd@cam/stream", "RTSP://***@cam/stream"),
        ("http://cam/video.cgi?user=me&pwd=12&size=2", "http://cam/video.cgi?user=***&pwd=***&size=2"),
        ("http://cam/a.mp4?X-Amz-Signature=ab12&n=1", "http://cam/a.mp4?X-Amz-Signature=***&n=1"),
        ("rtsp://cam/user=admin_password=12_channel=1.sdp", "rtsp://cam/user=***"),
        ("rtsp://cam:554/channel=1&subtype=0", "rtsp://cam:554/channel=1&subtype=0"),
        ("https://host/@name/video", "https://host/@name/video"),
        ("http://host:8080/photo@2x.jpg", "http://host:8080/photo@2x.jpg"),
        ("http://[::1]:8080/photo@2x.jpg", "http://[::1]:8080/photo@2x.jpg"),
        ("rtsp://admin:1@[::1]:554/stream", "rtsp://***@[::1]:554/stream"),
        ("C:/me@home/pwd=1.mp4", "C:/me@home/pwd=1.mp4"),
        ("camera:0", "camera:0"),
        ("/a/user=x/b@c.mp4", "/a/user=x/b@c.mp4"),
        ("C:\\a@b\\pwd=1.mp4", "C:\\a@b\\pwd=1.mp4"),
    ],
)  # fmt: skip
def test_what_gives_access_is_hidden_and_paths_stay(source, shown):
    assert without_credentials(source) == shown
    assert without_credentials(shown) == shown
    assert str(MediaError(source, "broken")) == f"{shown}: broken"
