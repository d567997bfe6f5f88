"""Runs `mien train` with the arguments given, and resumes it from a copy of its folder.

The copy, `<out>-midway`, is made after two epochs. Reports are left out. It is its own program,
since each device of a training has a process; both trainings are in it, since torch takes seconds
to start.
"""

import os
import shutil
import sys

import mien.reports
from mien.cli import main
from mien.training.emotion import EmotionModule


def keep_copy(module):
    """Copy the run's folder; called when an epoch starts."""
    midway = f"{module.trainer.default_root_dir}-midway"
    if module.current_epoch == 2 and os.environ.get("LOCAL_RANK", "0") == "0":
        shutil.copytree(module.trainer.default_root_dir, midway)


def run(arguments):
    """Run `mien`, and end with its exit status unless that is 0."""
    sys.argv[1:] = arguments
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise


def train_and_resume():
    """Train, and resume from the copy."""
    mien.reports.training_report = lambda *_, **__: []
    mien.reports.evaluation_report = lambda *_, **__: []
    given = sys.argv[1:]
    folder = given[given.index("--out") + 1]
    start_of_epoch = EmotionModule.on_train_epoch_start
    EmotionModule.on_train_epoch_start = keep_copy
    run(given)
    EmotionModule.on_train_epoch_start = start_of_epoch
    run([*(f"{folder}-midway" if word == folder else word for word in given), "--resume"])


if __name__ == "__main__":
    train_and_resume()
