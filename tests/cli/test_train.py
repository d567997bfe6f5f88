import dataclasses

import numpy as np
import pytest
from typer.testing import CliRunner

from mien.cli import app
from mien.data import import_dataset
from mien.errors import InputError
from tests.conftest import fer_lines


def test_a_training_too_short_for_its_averaged_weights_is_warned_of(tmp_path, toy_dataset):
    all_train = dataclasses.replace(toy_dataset, split=np.zeros(96, np.int8))
    lines = ["emotion,pixels,Usage", *fer_lines(all_train)]
    (tmp_path / "fer2013.csv").write_text("\n".join(lines))
    import_dataset([tmp_path / "fer2013.csv"], tmp_path / "fer")
    result = CliRunner().invoke(
        app, ["train", "emotion", "--data", str(tmp_path / "fer"), "--out", str(tmp_path / "run")]
    )
    assert "WARNING: the averaged weights" in result.stderr
    assert "lower ema_decay from 0.998" in result.stderr
    with pytest.raises(InputError, match="no image in val; `mien data split --kind stratified`"):
        raise result.exception
