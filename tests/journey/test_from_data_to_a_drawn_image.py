import io
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
from PIL import Image

from tests.commands import run_mien

USAGE = ("Training", "PublicTest", "PrivateTest")
RECIPE = """
epochs = 2
batch_size = 16
precision = "32-true"
[network]
widths = [8, 16]
depths = [1, 1]
"""


def mien(*arguments):
    command = [str(Path(sys.executable).parent / "mien"), *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def png(pixels):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


def test_make_data_train_two_epochs_export_and_analyse(tmp_path, toy_dataset, samples):
    table = {
        "row": toy_dataset.rows,
        "emotion": toy_dataset.labels,
        "usage": [USAGE[subset] for subset in toy_dataset.split],
        "image_png": [png(image) for image in toy_dataset.images],
    }
    pl.DataFrame(table).write_parquet(tmp_path / "faces.parquet")
    names = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    lines = [
        f"{USAGE[subset]},fer.png,{','.join(map(str, votes))}"
        for subset, votes in zip(toy_dataset.split, toy_dataset.votes, strict=True)
    ]
    header = f"Usage,Image name,{names}"
    (tmp_path / "votes.csv").write_text("\n".join([header, *lines]))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    imported = mien(
        "data", "import", tmp_path / "faces.parquet", tmp_path / "votes.csv",
        "--out", tmp_path / "fer",
    )  # fmt: skip
    assert imported.returncode == 0, imported.stderr
    divided = mien("data", "split", tmp_path / "fer", "--out", tmp_path / "split.json")
    assert divided.returncode == 0, divided.stderr
    status, stdout, stderr = run_mien(
        tmp_path,
        "train", "emotion", "--data", tmp_path / "fer", "--split", tmp_path / "split.json",
        "--recipe", tmp_path / "recipe.toml", "--out", tmp_path / "run", "--threads", 1,
    )  # fmt: skip
    assert status == 0, stderr
    model = tmp_path / "run" / "emotion.onnx"
    assert f"{model}: differs from torch by at most" in stdout
    analysed = mien(
        "analyze", samples, "--model", model, "--out", tmp_path / "out", "--draw", "--json"
    )
    assert analysed.returncode == 0, analysed.stderr
    rows = [json.loads(line) for line in analysed.stdout.splitlines()]
    assert len(rows) == 2
    saved = (tmp_path / "out" / "results.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in saved] == rows
    assert len(list((tmp_path / "out" / "drawn").glob("*.jpg"))) == 2


def test_a_recipe_with_faults_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "recipe.toml").write_text("epoch = 1\nwidht = 3\n")
    status, _, stderr = run_mien(
        tmp_path,
        "train", "emotion", "--data", "gone",
        "--recipe", tmp_path / "recipe.toml", "--out", tmp_path / "run",
    )  # fmt: skip
    assert status == 1
    assert "field 'epoch' is unknown; did you mean 'epochs'?" in stderr
    assert "field 'widht' is unknown" in stderr
    assert "Traceback" not in stderr
