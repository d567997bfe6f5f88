"""Labelled images: import, read, check and split them."""

from mien.data.check import (
    DataCheck,
    Leak,
    VoteCheck,
    check_dataset,
    conflicting_groups,
    mostly_not_a_face,
    shared_people,
)
from mien.data.dataset import FACE_CROP, FRAMINGS, SUBSETS, VOTE_COLUMNS, Dataset
from mien.data.duplicates import (
    exact_groups,
    is_duplicate,
    iter_near_pairs,
    joined_groups,
    near_groups,
    near_pairs,
)
from mien.data.framing import Framing, framed_text, measure_framing
from mien.data.importing import ImportResult, import_dataset, read_sources
from mien.data.overlap import estimated_overlap, image_sketch, merged_sketches
from mien.data.records import Fault, OnStep, Progress, Rows
from mien.data.split_file import Split, read_split
from mien.data.splits import (
    fer_pp_split,
    group_folds,
    leak_free_split,
    likely_people,
    published_split,
    split_groups,
    stratified_split,
)
from mien.data.store import Manifest, dataset_from_rows, is_dataset, read_dataset, read_manifest
from mien.data.text_table import open_table

__all__ = [
    "FACE_CROP",
    "FRAMINGS",
    "SUBSETS",
    "VOTE_COLUMNS",
    "DataCheck",
    "Dataset",
    "Fault",
    "Framing",
    "ImportResult",
    "Leak",
    "Manifest",
    "OnStep",
    "Progress",
    "Rows",
    "Split",
    "VoteCheck",
    "check_dataset",
    "conflicting_groups",
    "dataset_from_rows",
    "estimated_overlap",
    "exact_groups",
    "fer_pp_split",
    "framed_text",
    "group_folds",
    "image_sketch",
    "import_dataset",
    "is_dataset",
    "is_duplicate",
    "iter_near_pairs",
    "joined_groups",
    "leak_free_split",
    "likely_people",
    "measure_framing",
    "merged_sketches",
    "mostly_not_a_face",
    "near_groups",
    "near_pairs",
    "open_table",
    "published_split",
    "read_dataset",
    "read_manifest",
    "read_sources",
    "read_split",
    "shared_people",
    "split_groups",
    "stratified_split",
]
