"""Schemathesis asks the API whatever its OpenAPI document allows, and what it does not."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from mien.server import ServerOptions
from tests.server.conftest import listening


@pytest.fixture(scope="module")
def schema_of_app(tmp_path_factory):
    options = ServerOptions(jobs=tmp_path_factory.mktemp("jobs"), requests_per_minute=10**6)
    with listening(options) as host:
        yield schemathesis.openapi.from_url(f"{host}/openapi.json")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/healthz"),
        ("GET", "/metrics"),
        ("GET", "/readyz"),
        ("POST", "/v1/analyze"),
        ("GET", "/v1/jobs/{job_id}"),
        ("DELETE", "/v1/jobs/{job_id}"),
        ("GET", "/v1/jobs/{job_id}/result"),
        ("GET", "/v1/model"),
        ("POST", "/v1/videos"),
    ],
)
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_as_documented(schema_of_app, method, path, mode):
    asked = []

    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema_of_app[path][method].as_strategy(generation_mode=mode))
    def ask(case):
        asked.append(case)
        # What a schema can say of a body is that it is bytes; most bytes are no picture.
        takes_media = [positive_data_acceptance] if method == "POST" else []
        case.call_and_validate(excluded_checks=takes_media)

    try:
        ask()
    except Unsatisfiable:
        # There is nothing that a request without parameters could have wrong.
        assert mode is GenerationMode.NEGATIVE
    else:
        assert asked


def test_every_endpoint_is_documented_with_a_summary(schema_of_app):
    paths = schema_of_app.raw_schema["paths"]
    assert set(paths) == {
        "/healthz",
        "/metrics",
        "/readyz",
        "/v1/analyze",
        "/v1/jobs/{job_id}",
        "/v1/jobs/{job_id}/result",
        "/v1/model",
        "/v1/videos",
    }
    for methods in paths.values():
        assert all(method["summary"] for method in methods.values())
    analyze = paths["/v1/analyze"]["post"]["responses"]["200"]
    assert "example" in analyze["content"]["application/json"]
