import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

import mien
from mien.cli import app, train
from mien.export import multiply_adds, parameter_count
from mien.inference import Analyzer
from tests.videos import write_video

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(mien.__path__, "mien.")
    if not module.name.startswith("mien.assets")
)


@pytest.mark.parametrize("name", ["mien", *MODULES])
def test_public_names_are_real_and_sorted(name):
    module = importlib.import_module(name)
    names = getattr(module, "__all__", [])
    constants_first = sorted(names, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
    assert list(names) == constants_first
    assert all(hasattr(module, public) for public in names)


def test_the_package_offers_what_the_readme_promises():
    assert set(mien.__all__) <= set(dir(mien))
    assert mien.Analyzer is Analyzer
    with pytest.raises(AttributeError, match="no attribute 'Analyser'"):
        _ = mien.Analyser


def in_a_fresh_process(code):
    finished = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return finished.stdout


def test_importing_mien_and_asking_for_help_loads_no_heavy_library():
    loaded = in_a_fresh_process(
        "import sys, mien, mien.cli\n"
        "heavy = {'torch', 'onnxruntime', 'numpy', 'PIL', 'polars', 'pyarrow', 'lightning',"
        " 'optuna'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert loaded.strip() == "[]"


def test_what_reads_images_and_videos_loads_ffmpeg_when_it_is_needed():
    loaded = in_a_fresh_process("import sys, mien.inference; print('av' in sys.modules)")
    assert loaded.strip() == "False"


def test_analysing_and_explaining_images_needs_no_torch_and_no_tables(samples):
    loaded = in_a_fresh_process(
        "import json, sys, mien\n"
        "from mien.reports import draw_explanations\n"
        f"draw_explanations(mien.Analyzer().explain({str(samples / 'grace_hopper.jpg')!r}))\n"
        "heavy = {'torch', 'onnx', 'polars', 'pyarrow', 'lightning', 'matplotlib', 'cv2'}\n"
        "print(json.dumps(sorted(heavy & set(sys.modules))))"
    )
    assert json.loads(loaded) == []


def test_studies_parquet_and_reports_need_only_the_extra_for_tables(tmp_path):
    still = np.asarray(Image.open(ROOT / "src/mien/assets/samples/eileen_collins.jpg"))
    write_video(tmp_path / "a.mp4", [(number / 5, still) for number in range(3)])
    in_a_fresh_process(
        "import sys, mien\n"
        "for name in ('scipy', 'sklearn', 'polars', 'torch'): sys.modules[name] = None\n"
        "from mien.cli import main\n"
        f"sys.argv = ['mien', 'analyze', {str(tmp_path / 'a.mp4')!r},"
        f" '--study', {str(tmp_path / 'study')!r}]\n"
        "main()\n"
    )
    assert {"people.parquet", "study.html"} <= {
        path.name for path in (tmp_path / "study").iterdir()
    }


def test_every_verb_stands_in_the_readme_and_shows_two_examples():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command = typer.main.get_command(app)
    single = (
        "album", "analyze", "calibrate", "evaluate", "explain", "fine-tune", "live", "models",
        "report-bug", "serve", "similar", "tune",
    )  # fmt: skip
    verbs = {name: command.commands[name] for name in single}
    for group in ("data", "export", "study", "train"):
        verbs |= {f"{group} {n}": c for n, c in command.commands[group].commands.items()}
    assert set(command.commands) == {*single, "data", "export", "study", "train"}
    assert train.app is not app
    for name, verb in verbs.items():
        assert f"mien {name}" in readme
        assert verb.help.count(f"mien {name}") >= 2


def test_the_shipped_models_stay_small():
    emotion, face = (ROOT / "src/mien/assets" / name for name in ("emotion.onnx", "face.onnx"))
    assert emotion.stat().st_size <= 3e6
    assert parameter_count(emotion) <= 1.5e6
    assert multiply_adds(emotion) <= 100e6
    assert face.stat().st_size <= 0.5e6
