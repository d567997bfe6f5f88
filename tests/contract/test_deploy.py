"""What runs the server elsewhere names files, verbs, options and addresses that there are."""

from __future__ import annotations

import configparser
import importlib.util
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from mien.server import ServerOptions, create_app
from tests.docs.pages import check_command

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILES = sorted(DEPLOY.rglob("Dockerfile"))


@pytest.fixture(scope="module")
def read_stages():
    spec = importlib.util.spec_from_file_location("container", ROOT / ".ci" / "container.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.read_stages


@pytest.fixture(scope="module")
def pod():
    documents = {
        each["kind"]: each
        for each in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8"))
    }
    return documents["Deployment"]["spec"]["template"]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_an_image_is_slim_and_its_user_has_no_rights(read_stages, path):
    stages = read_stages(path)
    for stage in stages:
        assert re.fullmatch(r"(python:3\.\d+|node:\d+)-slim( AS \w+)?", stage[0][1])
    last = stages[-1]
    assert int(dict(last)["USER"].partition(":")[0]) >= 1000
    names = [name for name, _ in last]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name in ("RUN", "COPY"))


def test_the_container_copies_what_there_is_and_serves_with_a_health_check(read_stages):
    stages = read_stages(DEPLOY / "Dockerfile")
    kept = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    for name, rest in (instruction for stage in stages for instruction in stage):
        if name == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists()
                assert source.partition("/")[0] in kept
    image = dict(stages[-1])
    check_command(shlex.join(json.loads(image["ENTRYPOINT"]) + json.loads(image["CMD"])))
    assert "/healthz" in image["HEALTHCHECK"]
    assert image["VOLUME"] == image["WORKDIR"] == "/data"


def test_a_space_serves_with_options_that_there_are(read_stages):
    (stage,) = read_stages(DEPLOY / "space-docker" / "Dockerfile")
    script = json.loads(dict(stage)["CMD"])[-1].replace("exec ", "")
    served = re.findall(r"mien serve[^;>]*", script)
    assert len(served) == 2
    for command in served:
        check_command(command)
    for kind in ("static", "docker"):
        head = (DEPLOY / f"space-{kind}" / "README.md").read_text(encoding="utf-8").split("---")[1]
        document = yaml.safe_load(head)
        assert document["sdk"] == kind
        if kind == "docker":
            assert f"--port {document['app_port']}" in script
            assert dict(stage)["EXPOSE"] == str(document["app_port"])


def test_compose_runs_the_image_with_little_and_names_its_proxy():
    document = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    server = document["services"]["mien"]
    check_command(shlex.join(["mien", *server["command"]]))
    assert (DEPLOY / server["build"]["context"] / server["build"]["dockerfile"]).is_file()
    assert server["read_only"]
    assert server["tmpfs"] == ["/tmp"]  # noqa: S108
    subnet = document["networks"]["inside"]["ipam"]["config"][0]["subnet"]
    assert f"--trust-proxy={subnet}" in server["command"]
    assert "ports" not in server  # only the proxy is reached from outside


def test_the_service_starts_a_command_that_there_is_and_may_write_in_one_folder():
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str
    unit.read(DEPLOY / "mien.service", encoding="utf-8")
    service = unit["Service"]
    check_command(service["ExecStart"].removeprefix("/opt/mien/bin/"))
    assert int(service["TimeoutStopSec"]) >= 20
    assert service["ProtectSystem"] == "strict"
    written = re.findall(r"/var/\S+", service["ExecStart"])
    assert {str(Path(path).parent) for path in written} == {f"/var/lib/{service['StateDirectory']}"}


def test_kubernetes_asks_addresses_that_there_are_without_a_key(pod, tmp_path):
    (container,) = pod["spec"]["containers"]
    check_command(shlex.join(["mien", *container["args"]]))
    paths = create_app(ServerOptions(jobs=tmp_path)).openapi()["paths"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]["path"]
        assert "401" not in paths[asked]["get"]["responses"]
    notes = pod["metadata"]["annotations"]
    assert notes["prometheus.io/path"] in paths
    assert notes["prometheus.io/port"] == str(container["ports"][0]["containerPort"])


def test_a_pod_has_the_user_of_the_image_and_a_root_that_is_read_only(pod, read_stages):
    (container,) = pod["spec"]["containers"]
    user = dict(read_stages(DEPLOY / "Dockerfile")[-1])["USER"]
    context = pod["spec"]["securityContext"]
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == user
    assert context["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    mounted = {each["name"] for each in container["volumeMounts"]}
    assert mounted == {each["name"] for each in pod["spec"]["volumes"]}
    assert pod["spec"]["terminationGracePeriodSeconds"] >= 20
