import pickle
from types import SimpleNamespace

import pytest

from mien import Analyzer
from mien.errors import DeviceError
from mien.inference import EmotionModel
from mien.runtime import devices, session


@pytest.fixture
def with_cuda(monkeypatch):
    """An onnxruntime that says it has CUDA and, as the real one without drivers, falls back."""
    real = session.onnxruntime
    there = ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def without_drivers(path, *, sess_options, providers, enable_fallback):
        assert not enable_fallback, "it prints to stdout"
        return real.InferenceSession(path, sess_options=sess_options, providers=providers[-1:])

    monkeypatch.setattr(
        devices, "onnxruntime", SimpleNamespace(get_available_providers=lambda: there)
    )
    pretending = SimpleNamespace(
        SessionOptions=real.SessionOptions, InferenceSession=without_drivers
    )
    monkeypatch.setattr(session, "onnxruntime", pretending)


def test_the_processor_is_always_there_and_last():
    assert devices.providers_of("cpu") == ["CPUExecutionProvider"]
    assert devices.providers_of("CPUExecutionProvider") == ["CPUExecutionProvider"]


def test_an_accelerator_comes_before_the_processor(with_cuda):
    assert devices.providers_of("cuda") == ["CUDAExecutionProvider", "CPUExecutionProvider"]


@pytest.mark.parametrize(
    ("device", "advice"),
    [
        ("cuda", "pip uninstall onnxruntime, then pip install onnxruntime-gpu"),
        ("directml", "pip install onnxruntime-directml"),
        ("coreml", "packages for other systems"),
        ("gpu", "Known are cpu, cuda, directml, coreml"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(device, advice):
    with pytest.raises(DeviceError, match="this onnxruntime has cpu") as raised:
        Analyzer(device=device)
    assert advice in str(raised.value)


def test_a_device_that_does_not_start_is_no_processor_in_disguise(with_cuda):
    with pytest.raises(DeviceError, match="'cuda' could not be started"):
        EmotionModel(device="cuda")


def test_a_device_that_fails_is_no_fault_of_the_file(with_cuda, monkeypatch):
    def failing(path, **_):
        raise RuntimeError("CUDA failure 999: unknown error\nin some file")

    monkeypatch.setattr(session.onnxruntime, "InferenceSession", failing)
    with pytest.raises(DeviceError, match="'cuda' could not be started: CUDA failure 999: unk"):
        EmotionModel(device="cuda")


def test_a_model_is_opened_on_its_device_in_another_process():
    model = pickle.loads(pickle.dumps(EmotionModel(threads=2, device="cpu")))  # noqa: S301
    assert model._session._opened[1:] == (2, "cpu")
