"""The page tells of models that are damaged or outside of their rules, and gives no answer."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from mien.detect import OnnxDetector
from mien.inference import EmotionModel
from mien.webpage import page_contract
from tests.networks import emotion_file
from tests.test_spec import EMOTION


@pytest.fixture
def shown(opened):
    """Open the page with another contract, and another emotion network; return what it says."""

    def shown(contract: str | dict, network: bytes | None = None) -> str:
        body = contract if isinstance(contract, str) else json.dumps(contract)

        def prepare(page) -> None:
            page.route("**/contract.json", lambda route: route.fulfill(body=body))
            if network is not None:
                page.route("**/emotion.onnx*", lambda route: route.fulfill(body=network))

        page = opened(prepare=prepare)
        alert = page.get_by_role("alert")
        alert.get_by_text("could not be loaded").wait_for()
        return alert.inner_text()

    return shown


@pytest.fixture
def contract() -> dict:
    return json.loads(json.dumps(page_contract(EmotionModel(), OnnxDetector())))


def test_a_contract_out_of_range_is_told_by_its_field(shown, contract):
    contract["emotion"]["spec"]["six"]["temperature"] = 5e-324
    expected = (
        "models/contract.json: field 'emotion.spec.six.temperature': expected a number from "
        "0.01 to 100, found 5e-324"
    )
    assert expected in shown(contract)


def test_a_contract_that_is_no_json_is_told(shown):
    assert "models/contract.json:" in shown("[" * 100_000)


def test_a_network_with_another_hash_is_told(shown, contract):
    network = bytes(contract["emotion"]["bytes"])
    assert "emotion.onnx: damaged, its hash is not that" in shown(contract, network)


def test_a_network_with_weights_that_are_no_numbers_is_told(shown, contract, tmp_path):
    network = emotion_file(tmp_path / "a.onnx", bias=np.nan).read_bytes()
    document = json.loads(EMOTION.to_metadata()["mien.spec"])
    contract["emotion"] |= {
        "bytes": len(network),
        "sha256": hashlib.sha256(network).hexdigest(),
        "spec": document,
    }
    expected = "emotion.onnx: output 'logits': expected finite float32 numbers"
    assert expected in shown(contract, network)
