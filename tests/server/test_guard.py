import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mien.errors import ArtefactError, InputError, OutputError
from mien.server import KeyFile
from mien.webpage import export as web_page
from tests.server.conftest import PORTRAIT

JPEG = {"content-type": "image/jpeg"}


def mien(*arguments, **options):
    command = [sys.executable, "-c", "from mien.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_a_key_file_keeps_hashes_alone_and_knows_its_keys(tmp_path):
    path = tmp_path / "keys.json"
    key = KeyFile(path).add("phone")
    other = KeyFile(path).add("robot")
    text = path.read_text()
    assert key not in text
    assert other not in text
    assert path.stat().st_mode & 0o077 == 0
    keys = KeyFile(path)
    assert (keys.find_name(key), keys.find_name(other)) == ("phone", "robot")
    assert keys.find_name(key + "x") is None
    assert keys.find_name("") is None


@pytest.mark.parametrize(("name", "said"), [("phone", "already"), ("", "a name"), (" ", "a name")])
def test_a_key_is_not_replaced_and_has_a_name(tmp_path, name, said):
    path = tmp_path / "keys.json"
    key = KeyFile(path).add("phone")
    with pytest.raises(InputError, match=said):
        KeyFile(path).add(name)
    assert KeyFile(path).find_name(key) == "phone"


def test_keys_that_are_added_or_taken_out_count_at_once(client_of, tmp_path):
    path = tmp_path / "keys.json"
    first = KeyFile(path).add("first")
    client = client_of(keys=path)

    def asked(key):
        return client.get("/v1/model", headers={"authorization": f"Bearer {key}"}).status_code

    assert asked(first) == 200
    second = KeyFile(path).add("second")
    assert (asked(first), asked(second)) == (200, 200)
    kept = json.loads(path.read_text())
    del kept["keys"]["first"]
    path.write_text(json.dumps(kept))
    assert (asked(first), asked(second)) == (401, 200)
    path.write_text("damaged")
    assert asked(second) == 503
    path.unlink()
    assert asked(second) == 401


def test_a_key_is_added_to_those_that_others_added_meanwhile(tmp_path):
    path = tmp_path / "keys.json"
    one, other = KeyFile(path), KeyFile(path)
    keys = [one.add("first"), other.add("second"), one.add("third")]
    assert [KeyFile(path).find_name(key) for key in keys] == ["first", "second", "third"]
    with pytest.raises(InputError, match="already"):
        other.add("third")


@pytest.mark.skipif(sys.platform == "win32", reason="files have other owners and modes there")
def test_a_key_file_keeps_its_owner_and_its_mode(tmp_path, monkeypatch):
    from mien.server import keys as module

    path, given = tmp_path / "keys.json", []
    KeyFile(path).add("first")
    path.chmod(0o640)
    before = path.stat()
    monkeypatch.setattr(module.os, "chown", lambda _, *owner: given.append(owner))
    KeyFile(path).add("second")
    assert (path.stat().st_mode & 0o777, given) == (0o640, [(before.st_uid, before.st_gid)])

    def refused(*_):
        raise PermissionError

    text = path.read_text()
    monkeypatch.setattr(module.os, "chown", refused)
    with pytest.raises(OutputError, match=rf"keys\.json: belongs to the user {before.st_uid} "):
        KeyFile(path).add("third")
    assert ([*tmp_path.iterdir()], path.read_text()) == ([path], text)


def test_keys_are_compared_in_constant_time(tmp_path, monkeypatch):
    from mien.server import keys as module

    compared = []
    monkeypatch.setattr(
        module.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or a == b
    )
    keys = KeyFile(tmp_path / "keys.json")
    first = keys.add("first")
    keys.add("second")
    assert keys.find_name(first) == "first"
    assert len(compared) == 2


def test_a_key_file_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("a")
    with pytest.raises(ArtefactError, match=r"file/keys\.json: cannot be read: .*Not a directory"):
        KeyFile(tmp_path / "file" / "keys.json")


def test_a_key_file_of_another_encoding_is_read(tmp_path):
    path = tmp_path / "keys.json"
    key = KeyFile(path).add("first")
    path.write_bytes(path.read_text().encode("utf-16"))
    assert KeyFile(path).find_name(key) == "first"


@pytest.mark.parametrize("digest", ['"ä"', '"abc"', "3", "null", '"' + "A" * 64 + '"'])
def test_a_digest_that_is_none_is_refused_by_its_name(tmp_path, digest):
    path = tmp_path / "keys.json"
    path.write_text(f'{{"keys": {{"phone": {digest}}}}}', encoding="utf-8")
    with pytest.raises(ArtefactError, match=r"keys\.json: field 'keys\.phone': expected"):
        KeyFile(path)


@pytest.mark.parametrize("text", ["", "[]", '{"keys": 3}', "\x00", "[" * 100_000])
def test_a_damaged_key_file_is_refused(tmp_path, text):
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(ArtefactError, match=r"keys\.json: .*Expected JSON with 'keys'"):
        KeyFile(path)


def test_where_keys_are_asked_for_nothing_works_without_one(client_of, tmp_path):
    path = tmp_path / "keys.json"
    key = KeyFile(path).add("phone")
    client = client_of(keys=path)
    body = PORTRAIT.read_bytes()
    for given in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {key}"}):
        answer = client.post("/v1/analyze", content=body, headers=JPEG | given)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/v1/model", headers=given).status_code == 401
        assert client.get("/v1/jobs/x", headers=given).status_code == 401
        assert client.get("/metrics", headers=given).status_code == 401
    good = {"authorization": f"Bearer {key}"}
    assert client.post("/v1/analyze", content=body, headers=JPEG | good).status_code == 200
    assert client.get("/healthz").status_code == 200


def test_the_command_line_makes_keys_and_refuses_to_listen_elsewhere_without(tmp_path):
    refused = mien("serve", "--host", "0.0.0.0", cwd=tmp_path)
    assert refused.returncode == 1
    assert "callers need keys" in refused.stderr
    empty = mien("serve", "--host", "0.0.0.0", "--keys", tmp_path / "none.json", cwd=tmp_path)
    assert empty.returncode == 1
    missing = mien("serve", "--keys", tmp_path / "none" / "keys.json", "--new-key", "phone")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert f"there is no folder {tmp_path / 'none'}" in missing.stderr
    made = mien("serve", "--keys", tmp_path / "keys.json", "--new-key", "phone")
    assert KeyFile(tmp_path / "keys.json").find_name(made.stdout.strip()) == "phone"
    assert list(tmp_path.iterdir()) == [tmp_path / "keys.json"]


def test_a_port_that_is_taken_and_a_place_for_jobs_that_is_none_are_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = mien("serve", "--port", port, "--jobs", tmp_path / "jobs")
    assert refused.returncode == 1
    assert f"cannot listen at 127.0.0.1:{port}" in refused.stderr
    assert "Choose another --port" in refused.stderr
    (tmp_path / "file").touch()
    refused = mien("serve", "--port", 0, "--jobs", tmp_path / "file", timeout=60)
    assert refused.returncode != 0
    assert "Choose another folder with --jobs" in refused.stderr


def test_pages_of_other_origins_are_not_let_in_unless_named(client_of):
    origin = {"origin": "https://elsewhere.example"}
    closed = client_of().get("/v1/model", headers=origin)
    assert "access-control-allow-origin" not in closed.headers
    named = client_of(allowed_origins=("https://elsewhere.example",)).get(
        "/v1/model", headers=origin
    )
    assert named.headers["access-control-allow-origin"] == "https://elsewhere.example"


@pytest.mark.parametrize("address", ["/", "/v1/model", "/nothing", "/models/contract.json"])
def test_every_answer_has_the_headers_that_guard_a_browser(client, address):
    headers = client.get(address).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy


def test_an_address_that_takes_other_methods_names_them(client):
    for address in ("/v1/analyze", "/v1/videos"):
        answer = client.get(address)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        assert "takes POST" in answer.json()["error"]["message"]


def test_an_unknown_address_or_method_is_answered_in_the_one_form(client):
    assert client.get("/v1/nothing").json()["error"]["code"] == "not_found"
    answer = client.put("/v1/analyze")
    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "method_not_allowed"


@pytest.fixture
def built(tmp_path, monkeypatch):
    """A small built page in place of the real one."""
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>the page")
    (folder / "sw.js").write_text("worker")
    (folder / "assets" / "a-1.js").write_text("script")
    (folder / "assets" / "a-1.js.br").write_bytes(b"packed")
    (folder / "assets" / "b-1.wasm").write_bytes(b"\0asm")
    monkeypatch.setattr("mien.server.app.BUILT_PAGE", folder)
    return folder


def test_the_page_is_served_with_its_types_and_packed_copies(built, client_of):
    client = client_of()
    page = client.get("/")
    assert page.text == "<!doctype html>the page"
    assert page.headers["cache-control"] == "no-cache"
    script = client.get("/assets/a-1.js", headers={"accept-encoding": "identity"})
    assert script.text == "script"
    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]
    packed = client.get("/assets/a-1.js", headers={"accept-encoding": "gzip, br;q=1.0"})
    assert packed.headers["content-encoding"] == "br"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert client.get("/assets/b-1.wasm").headers["content-type"] == "application/wasm"
    assert client.get("/assets/a-1.js.br").status_code == 404


@pytest.mark.parametrize("address", ["/../pyproject.toml", "/..%2f..%2fspec.py", "/assets/%2e%2e"])
def test_nothing_beside_the_page_can_be_fetched(built, client_of, address):
    assert client_of().get(address).status_code == 404


def test_the_models_and_the_contract_are_those_that_the_server_runs(client):
    contract = client.get("/models/contract.json").json()
    for kind in ("emotion", "face"):
        data = client.get(f"/models/{kind}.onnx", headers={"accept-encoding": "identity"}).content
        assert len(data) == contract[kind]["bytes"]
        packed = client.get(f"/models/{kind}.onnx", headers={"accept-encoding": "gzip"})
        assert packed.content == data
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) < 0.95 * len(data)
    assert client.get("/v1/model").json()["emotion"]["six"] == contract["emotion"]["spec"]["six"]


def test_a_page_that_was_not_built_says_how(tmp_path, monkeypatch, client_of):
    monkeypatch.setattr("mien.server.app.BUILT_PAGE", tmp_path / "none")
    answer = client_of().get("/")
    assert answer.status_code == 503
    assert "python web/build.py" in answer.text


def test_the_exported_page_is_whole_and_replaces_only_itself(built, tmp_path, monkeypatch):
    monkeypatch.setattr(web_page, "BUILT_PAGE", built)
    from mien.detect import OnnxDetector
    from mien.errors import OutputError
    from mien.inference import EmotionModel

    folder = tmp_path / "public"
    web_page.write_web_page(folder, EmotionModel(), OnnxDetector())
    contract = json.loads((folder / "models" / "contract.json").read_text())
    assert (folder / "models" / "emotion.onnx").stat().st_size == contract["emotion"]["bytes"]
    with pytest.raises(OutputError, match="overwrite=True"):
        web_page.write_web_page(folder, EmotionModel(), OnnxDetector())
    web_page.write_web_page(folder, EmotionModel(), OnnxDetector(), overwrite=True)
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("kept")
    with pytest.raises(OutputError, match="something else"):
        web_page.write_web_page(other, EmotionModel(), OnnxDetector(), overwrite=True)
    assert (other / "mine.txt").read_text() == "kept"
    assert sorted(Path(tmp_path).glob(".page-*")) == []


def test_what_happened_is_counted(client):
    client.post("/v1/analyze", content=PORTRAIT.read_bytes(), headers=JPEG)
    client.post("/v1/analyze", content=b"x", headers=JPEG)
    client.get("/nothing/here")
    text = client.get("/metrics").text
    assert 'mien_requests_total{route="/v1/analyze",status="200"} 1.0' in text
    assert 'mien_requests_total{route="/v1/analyze",status="422"} 1.0' in text
    assert "mien_faces_total 1.0" in text
    assert "mien_batch_faces_count 1.0" in text
    assert "/nothing/here" not in text
