"""Datasets are imported, checked, divided and evaluated without SciPy and scikit-learn."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
sys.modules["scipy"] = sys.modules["sklearn"] = None
from mien.data import check_dataset, import_dataset, leak_free_split, read_dataset, split_groups
from mien.errors import MissingExtraError
from mien.evaluation import evaluate, open_predictor
from mien.data import group_folds
import_dataset([sys.argv[1]], sys.argv[2])
data = read_dataset(sys.argv[2])
assert check_dataset(data, near=True).warnings
data = leak_free_split(data, near=True).apply(data)
assert len(split_groups(data, near=True)) == len(data)
assert evaluate([open_predictor(None)], data, subset="val").results
try:
    group_folds(data)
except MissingExtraError as error:
    print(error)
"""


def test_datasets_need_no_package_that_two_functions_use(fer_csv, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, fer_csv, tmp_path / "fer"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "splitting into folds needs the extra 'data'" in done.stdout
