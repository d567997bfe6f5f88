"""The columns of a result row: names, types, units, ranges and meanings, each written once.

Rows of JSON (JSON Lines, REST, `to_row`) are nested: `box_xyxy` is a list, `probabilities` and
`quality` are objects. CSV, Parquet and data frames are flat: one column per value. Both forms, the
Parquet schema, the JSON schema of the API, the page's row type and `docs/columns.md` come from
`COLUMNS`. After a change, `python docs/columns.py` updates the last two.

Expression units have columns of their own, `UNIT_COLUMNS`, behind these: only results that were
made with units have them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from mien.emotions import LABEL_SETS, SIX
from mien.units import ACTION_UNITS, MAX_POSE_DEG, MAX_UNITS_ROLL_DEG, MIN_UNITS_PX, UNITS

__all__ = [
    "COLUMNS",
    "UNIT_COLUMNS",
    "UNIT_MEANINGS",
    "Column",
    "error_row",
    "example_row",
    "face_row",
    "flat_row",
    "own_outputs",
    "result_columns",
    "row_schema",
]

Kind = Literal["text", "integer", "number", "boolean"]
Rows = Literal["face", "error"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a result row.

    Attributes:
        name: Its name in CSV, Parquet and data frames.
        path: Where its value stands in a nested row, and in the record that the row is made of: a
            field, and below it a key, an attribute or an index of a list.
        kind: The type of its values.
        meaning: Its meaning in one line.
        unit: For example `px` or `s`; empty if it has none.
        minimum: The lower bound of its values; None without one.
        maximum: The upper bound of its values; None without one.
        values: The texts that are possible; empty if any is.
        nullable: Whether a face's row may have no value.
        rows: Which rows have it: those of faces, those of what cannot be read, or both.
        example: A value for documentation.
    """

    name: str
    path: tuple[str | int, ...]
    kind: Kind
    meaning: str
    unit: Literal["", "px", "s", "deg", "byte", "1/s", "1/min"] = ""
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    nullable: bool = False
    rows: Literal["face", "error", "both"] = "face"
    example: Any = None


def _plain(name: str, kind: Kind, meaning: str, **more: Any) -> Column:
    return Column(name=name, path=(name,), kind=kind, meaning=meaning, **more)


def _box(index: int, name: str, example: float) -> Column:
    return Column(
        name=f"box_{name}",
        path=("box_xyxy", index),
        kind="number",
        meaning=f"{name} edge of the face's box, from the frame's upper left corner",
        unit="px",
        example=example,
    )


def _quality(name: str, meaning: str, **more: Any) -> Column:
    return Column(name=name, path=("quality", name), kind="number", meaning=meaning, **more)


COLUMNS: tuple[Column, ...] = (
    _plain(
        "source",
        "text",
        "the path or address as it was given; user, password and keys in it are hidden",
        rows="both",
        example="portrait.jpg",
    ),
    _plain(
        "frame",
        "integer",
        "the frame's number in the source, from 0",
        minimum=0,
        rows="both",
        example=0,
    ),
    _plain(
        "timestamp_s",
        "number",
        "time from the start of the source; none for an image",
        unit="s",
        nullable=True,
        rows="both",
    ),
    _plain(
        "face",
        "integer",
        "the face's number in the frame, largest first, from 0",
        minimum=0,
        example=0,
    ),
    _plain(
        "track",
        "integer",
        "the person's track in a video, from 0, shown as person 1; none for an image",
        minimum=0,
        nullable=True,
    ),
    _box(0, "left", 177.2),
    _box(1, "top", 63.1),
    _box(2, "right", 274.0),
    _box(3, "bottom", 172.8),
    _plain(
        "detection_score",
        "number",
        "the detector's score of the face",
        minimum=0,
        maximum=1,
        example=0.92,
    ),
    _plain(
        "found",
        "text",
        "whether the face was detected in this frame, or followed from the frames around it",
        values=("detected", "followed"),
        example="detected",
    ),
    _plain(
        "emotion",
        "text",
        "the expression that the face shows",
        values=SIX.labels,
        example="happy",
    ),
    _plain(
        "confidence", "number", "its calibrated probability", minimum=0, maximum=1, example=0.99
    ),
    _plain("unsure", "boolean", "whether the confidence is too low to rely on", example=False),
    *(
        Column(
            name=f"p_{label}",
            path=("probabilities", label),
            kind="number",
            meaning=f"probability of {label}; the six sum to 1",
            minimum=0,
            maximum=1,
            example={"happy": 0.99, "surprise": 0.01}.get(label, 0.0),
        )
        for label in SIX.labels
    ),
    *(
        Column(
            name=f"p_{label}_uncorrected",
            path=("uncorrected", label),
            kind="number",
            meaning=f"probability of {label} before the person's baseline was taken off; none "
            "without one",
            minimum=0,
            maximum=1,
            nullable=True,
        )
        for label in SIX.labels
    ),
    _quality("size_px", "shorter side of the box", unit="px", example=96.8),
    _quality("sharpness", "sharpness of the face, low if blurred", minimum=0, example=0.6),
    _quality(
        "brightness", "mean brightness, from black to white", minimum=0, maximum=1, example=0.61
    ),
    _quality(
        "yaw_proxy",
        "turn of the head, from the landmarks or the pose: 0 frontal, -1 or 1 in profile",
        minimum=-1,
        maximum=1,
        example=0.03,
    ),
    _quality(
        "roll_deg",
        "rotation in the image, clockwise",
        unit="deg",
        minimum=-180,
        maximum=180,
        example=1.2,
    ),
    _quality("truncation", "share of the box outside the frame", minimum=0, maximum=1, example=0.0),
    _plain(
        "error", "text", "why the source could not be read", rows="error", example="no such file"
    ),
)
"""All columns, in the order of every format."""


def _pose(name: str, meaning: str, largest: float, example: float) -> Column:
    return Column(
        name=f"pose_{name}",
        path=("pose", name),
        kind="number",
        meaning=meaning,
        unit="deg",
        minimum=-largest,
        maximum=largest,
        nullable=True,
        example=example,
    )


UNIT_COLUMNS: tuple[Column, ...] = (
    *(
        Column(
            name=f"unit_{name}",
            path=("units", name),
            kind="number",
            meaning=f"ARKit's coefficient {name}, from at rest to as far as faces go",
            minimum=0,
            maximum=1,
            nullable=True,
            example={"mouthSmileLeft": 0.81, "mouthSmileRight": 0.79}.get(name, 0.02),
        )
        for name in UNITS
    ),
    *(
        Column(
            name=f"au_{each.number}",
            path=("action_units", each.label),
            kind="number",
            meaning=f"FACS' action unit {each.number}, {each.name}, by the coefficients; no "
            "intensity of FACS" + (f"; {each.remark}" if each.remark else ""),
            minimum=0,
            maximum=1,
            nullable=True,
            example={12: 0.8}.get(each.number, 0.02),
        )
        for each in ACTION_UNITS
    ),
    _pose("yaw_deg", "turn of the head, positive to the right of the image", MAX_POSE_DEG, 4.0),
    _pose("pitch_deg", "turn of the head, positive upwards", MAX_POSE_DEG, -6.5),
    _pose("roll_deg", "rotation in the image, positive clockwise", MAX_UNITS_ROLL_DEG, 1.4),
    _plain(
        "units_missing",
        "text",
        f"why there are no units: the face has a side below {MIN_UNITS_PX:g} px, is turned away "
        f"by more than {MAX_POSE_DEG:g} degrees, or is rotated far from upright in the image; none "
        "where there are",
        values=("small", "turned away", "rotated"),
        nullable=True,
    ),
)
"""The columns of expression units and pose, behind the others."""

_UNIT_FIELDS = ("units", "action_units", "pose", "units_missing")

_OWN_CLASSES = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1},
    },
    "description": "The probabilities of the network's own classes, by the output's name; only of "
    "networks that have such classes",
}
"""They are another number for each network, so only rows of JSON have them."""

UNIT_MEANINGS = {
    "units": "Expression units by the names of ARKit's coefficients, only if they were asked for; "
    "null where there are none",
    "action_units": "FACS' action units that follow from them, by the same rule",
    "pose": "How the head is turned, by the same rule",
}
"""The meaning of the objects that they stand in."""


def face_row(prediction: object) -> dict[str, Any]:
    """Return the nested row of one face: plain values that JSON can hold, in the table's order.

    Behind it stand expression units, if the face was analysed with them, and in `own_classes` what
    a network with classes of its own answers.
    """
    row = _nested((column, _value(prediction, column.path)) for column in _columns("face"))
    own = own_outputs(getattr(prediction, "outputs", {}))
    return row | _unit_fields(prediction) | ({"own_classes": own} if own else {})


def _unit_fields(prediction: object) -> dict[str, Any]:
    """Return the fields of units and pose; nothing for a face that was analysed without them."""
    if all(getattr(prediction, name, None) is None for name in ("units", "units_missing")):
        return {}
    fields = _nested((column, _value(prediction, column.path)) for column in UNIT_COLUMNS)
    return {name: fields[name] if _has(prediction, name) else None for name in _UNIT_FIELDS}


def _has(record: object, name: str) -> bool:
    return getattr(record, name) is not None


def result_columns(*, units: bool) -> tuple[Column, ...]:
    """Return the columns of results.

    Args:
        units: Whether they were made with expression units.
    """
    return (*COLUMNS, *UNIT_COLUMNS) if units else COLUMNS


def own_outputs(
    outputs: Mapping[str, Mapping[str, float]],
) -> dict[str, dict[str, float]]:
    """Return the outputs whose labels are a network's own, and no known expressions.

    Args:
        outputs: Probabilities by label, by the output's name.
    """
    known = [known.labels for known in LABEL_SETS.values()]
    return {name: dict(by) for name, by in outputs.items() if tuple(by) not in known}


def error_row(result: object) -> dict[str, Any]:
    """Return the nested row of a source that could not be read."""
    return _nested((column, _value(result, column.path)) for column in _columns("error"))


def example_row(rows: Rows) -> dict[str, Any]:
    """Return a nested row for documentation.

    Args:
        rows: One of a face, or one of a source that could not be read.
    """
    return _nested((column, column.example) for column in _columns(rows))


def flat_row(row: Mapping[str, Any], columns: Sequence[Column] | None = None) -> dict[str, Any]:
    """Return a nested row as one value per column; None where the row has none.

    Args:
        row: The row.
        columns: Those of its table; None takes `COLUMNS`.
    """
    return {
        column.name: _value(row, column.path) if column.path[0] in row else None
        for column in (COLUMNS if columns is None else columns)
    }


def row_schema(rows: Rows) -> dict[str, Any]:
    """Return the JSON schema (2020-12, as in OpenAPI 3.1) of nested rows.

    Args:
        rows: Those of faces, or those of sources that could not be read.
    """
    schema = _closed(_properties(_columns(rows)))
    if rows == "face":
        units = _properties(UNIT_COLUMNS)
        for name in ("units", "action_units", "pose"):
            units[name] |= {"type": ["object", "null"], "description": UNIT_MEANINGS[name]}
            for value in units[name]["properties"].values():
                value["type"] = "number"  # all are missing, or none
        schema["properties"] |= units | {"own_classes": _OWN_CLASSES}
    return schema


def _properties(columns: Iterable[Column]) -> dict[str, Any]:
    """Return the schemas of the fields that columns stand in."""
    properties: dict[str, Any] = {}
    for column in columns:
        schema, field = _column_schema(column), str(column.path[0])
        match column.path[1:]:
            case ():
                properties[field] = schema
            case (int(),):
                # One schema for all items: many tools do not read `prefixItems`.
                array = properties.setdefault(field, {"type": "array", "minItems": 0})
                descriptions = [array.get("description", ""), schema.pop("description")]
                array["description"] = "; ".join(filter(None, descriptions))
                array["items"] = schema
                array["minItems"] = array["maxItems"] = array["minItems"] + 1
            case (key,):
                group = properties.setdefault(field, _closed({}))
                group["properties"][key] = schema
                group["required"] = list(group["properties"])
    return properties


def _columns(rows: Rows) -> list[Column]:
    return [column for column in COLUMNS if column.rows in (rows, "both")]


def _value(record: Any, path: Sequence[str | int]) -> Any:
    for part in path:
        if record is None:
            return None
        keyed = isinstance(part, int) or isinstance(record, Mapping)
        record = record[part] if keyed else getattr(record, str(part))
    return record


def _nested(values: Iterable[tuple[Column, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column, value in values:
        field = str(column.path[0])
        match column.path[1:]:
            case ():
                row[field] = value
            case (int(),):
                row.setdefault(field, []).append(value)
            case (key,):
                row.setdefault(field, {})[key] = value
    return row


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _column_schema(column: Column) -> dict[str, Any]:
    kind = "string" if column.kind == "text" else column.kind
    meaning = f"{column.meaning}, in {column.unit}" if column.unit else column.meaning
    schema: dict[str, Any] = {"type": [kind, "null"] if column.nullable else kind}
    bounds = {"minimum": column.minimum, "maximum": column.maximum}
    schema |= {name: bound for name, bound in bounds.items() if bound is not None}
    if column.values:
        schema["enum"] = [*column.values, *([None] if column.nullable else [])]
    return schema | {"description": meaning[0].upper() + meaning[1:]}
