"""Schemathesis asks the API whatever its OpenAPI document allows, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from PIL import Image
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from mien.columns import row_schema
from mien.server import ServerOptions
from tests.server.conftest import PORTRAIT, listening
from tests.videos import gliding, write_video


def schema(host, *, any_bytes):
    """Read the server's document.

    Args:
        host: The server.
        any_bytes: Whether uploads are whatever bytes come to mind. A schema cannot say which bytes
            are an image, so that such a request may also be answered with 422.
    """
    accepted = {"expected-statuses": ["2xx", "404", "409", *(["422"] if any_bytes else [])]}
    config = SchemathesisConfig.from_dict({"checks": {"positive_data_acceptance": accepted}})
    return schemathesis.openapi.from_url(f"{host}/openapi.json", config=config)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    options = ServerOptions(
        jobs=tmp_path_factory.mktemp("jobs"),
        requests_per_minute=10**6,
        max_jobs=1000,
        max_jobs_per_caller=1000,
    )
    with listening(options) as host:
        yield host


@pytest.fixture(scope="module")
def schema_of_app(host):
    return schema(host, any_bytes=False)


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """What the two endpoints that take uploads take, as bytes."""
    image = PORTRAIT.read_bytes()
    with Image.open(PORTRAIT) as portrait:
        frames = gliding(np.asarray(portrait.convert("RGB")), seconds=1, per_second=4)
    video = write_video(tmp_path_factory.mktemp("videos") / "video.mp4", frames).read_bytes()
    return {"/v1/analyze": ("files", image), "/v1/videos": ("file", video)}


UPLOADS = ["/v1/analyze", "/v1/videos"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/healthz"),
        ("GET", "/metrics"),
        ("GET", "/readyz"),
        ("GET", "/v1/jobs/{job_id}"),
        ("DELETE", "/v1/jobs/{job_id}"),
        ("GET", "/v1/jobs/{job_id}/result"),
        ("GET", "/v1/model"),
    ],
)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_as_documented(schema_of_app, method, path, mode):
    ask(schema_of_app[path][method], mode)


@pytest.mark.parametrize("path", UPLOADS)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_to_any_bytes_is_as_documented(host, path, mode):
    ask(schema(host, any_bytes=True)[path]["POST"], mode)


@pytest.mark.parametrize("path", UPLOADS)
def test_every_request_with_a_real_image_or_video_is_taken(host, media, path):
    field, body = media[path]
    real = schema(host, any_bytes=False)

    @real.hook
    def map_body(context, generated):
        return (
            {field: [body] if path == "/v1/analyze" else body}
            if isinstance(generated, dict)
            else body
        )

    ask(real[path]["POST"], GenerationMode.POSITIVE)


def ask(operation, mode):
    """Send what the document allows, or does not, and check each answer with every check."""
    asked = []

    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def each(case):
        asked.append(case)
        case.call_and_validate()

    try:
        each()
    except Unsatisfiable:
        # There is nothing that a request without parameters could have wrong.
        assert mode is GenerationMode.NEGATIVE
    else:
        assert asked


def test_every_endpoint_has_a_summary_and_every_parameter_a_description(schema_of_app):
    paths = schema_of_app.raw_schema["paths"]
    assert set(paths) == {
        "/healthz",
        "/metrics",
        "/readyz",
        "/v1/analyze",
        "/v1/jobs",
        "/v1/jobs/{job_id}",
        "/v1/jobs/{job_id}/result",
        "/v1/model",
        "/v1/videos",
    }
    for methods in paths.values():
        assert all(method["summary"] for method in methods.values())
    for path, methods in paths.items():
        for name, method in methods.items():
            for parameter in method.get("parameters", []):
                assert parameter.get("description"), (name, path, parameter["name"])
    analyze = paths["/v1/analyze"]["post"]["responses"]["200"]
    assert "example" in analyze["content"]["application/json"]


def test_rows_are_documented_by_the_columns(schema_of_app):
    paths = schema_of_app.raw_schema["paths"]

    def answer(path, method, status):
        response = paths[path][method]["responses"][status]
        return response["content"]["application/json"]["schema"]["properties"]

    faces = answer("/v1/analyze", "post", "200")["results"]["items"]["properties"]["faces"]
    assert faces["items"] == row_schema("face")
    both = {"anyOf": [row_schema("face"), row_schema("error")]}
    assert answer("/v1/jobs/{job_id}", "get", "200")["rows"]["items"] == both
    assert answer("/v1/videos", "post", "202")["rows"]["items"] == both
