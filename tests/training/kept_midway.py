"""`mien` with the arguments given, but a training keeps a copy of its folder after two epochs.

Reports are left out. It is a program of its own, since each device of a training has a process.
"""

import os
import shutil
import sys

import mien.reports
from mien.cli import main
from mien.training.emotion import EmotionModule


def keep_copy(module):
    """Copy the run's folder to `<folder>-midway`; called when an epoch starts."""
    if module.current_epoch == 2 and os.environ.get("LOCAL_RANK", "0") == "0":
        folder = module.trainer.default_root_dir
        shutil.copytree(folder, f"{folder}-midway")


if __name__ == "__main__":
    EmotionModule.on_train_epoch_start = keep_copy
    mien.reports.training_report = lambda *_, **__: []
    mien.reports.evaluation_report = lambda *_, **__: []
    sys.exit(main())
