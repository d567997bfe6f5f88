"""Episodes as an ELAN document (EAF 3.0, Max Planck Institute for Psycholinguistics)."""

from __future__ import annotations

import mimetypes
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

from mien.emotions import SIX

__all__ = ["elan_document"]

_TYPE, _VOCABULARY, _LANGUAGE = "expression", "expressions", "eng"
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_NO_DATE = "1970-01-01T00:00:00+00:00"
"""The format wants a date; the same events give the same document on every day."""


def elan_document(source: str, events: Sequence[Mapping[str, Any]], people: Sequence[int]) -> str:
    """Return the events of a video as an ELAN document: a tier for each person.

    The six expressions are its controlled vocabulary.

    Args:
        source: The absolute path of the video.
        events: Rows of the table `events`.
        people: The numbers of the people in the video; those without an event have an empty tier.
    """
    root = Xml.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "mien",
            "DATE": _NO_DATE,
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": _INSTANCE,
            "xsi:noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    slots = _header(root, source, events)
    of_person: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for event in events:
        of_person[event["person"]].append(event)
    number = 0
    for person in people:
        tier = Xml.SubElement(
            root,
            "TIER",
            {
                "LINGUISTIC_TYPE_REF": _TYPE,
                "PARTICIPANT": f"person {person}",
                "TIER_ID": f"person {person}",
            },
        )
        for event in of_person[person]:
            number += 1
            annotation = Xml.SubElement(
                Xml.SubElement(tier, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                {
                    "ANNOTATION_ID": f"a{number}",
                    "CVE_REF": f"cve_{event['emotion']}",
                    "TIME_SLOT_REF1": slots[_milliseconds(event["start_s"])],
                    "TIME_SLOT_REF2": slots[_milliseconds(event["end_s"])],
                },
            )
            Xml.SubElement(annotation, "ANNOTATION_VALUE").text = event["emotion"]
    _definitions(root)
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode")


def _header(
    root: Xml.Element, source: str, events: Sequence[Mapping[str, Any]]
) -> Mapping[int, str]:
    """Add the medium and the times; return the name of each time, in milliseconds."""
    header = Xml.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    path = Path(source)
    kind = mimetypes.guess_type(path.name)[0] or "video/mp4"
    url = path.as_uri() if _is_text(source) else ""
    Xml.SubElement(header, "MEDIA_DESCRIPTOR", {"MEDIA_URL": url, "MIME_TYPE": kind})
    order = Xml.SubElement(root, "TIME_ORDER")
    times = sorted({_milliseconds(event[end]) for event in events for end in ("start_s", "end_s")})
    slots = {time: f"ts{number}" for number, time in enumerate(times, 1)}
    for time, name in slots.items():
        Xml.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": name, "TIME_VALUE": str(time)})
    return slots


def _definitions(root: Xml.Element) -> None:
    Xml.SubElement(
        root,
        "LINGUISTIC_TYPE",
        {
            "CONTROLLED_VOCABULARY_REF": _VOCABULARY,
            "GRAPHIC_REFERENCES": "false",
            "LINGUISTIC_TYPE_ID": _TYPE,
            "TIME_ALIGNABLE": "true",
        },
    )
    Xml.SubElement(
        root,
        "LANGUAGE",
        {
            "LANG_DEF": "http://cdb.iso.org/lg/CDB-00138502-001",
            "LANG_ID": _LANGUAGE,
            "LANG_LABEL": "English (eng)",
        },
    )
    vocabulary = Xml.SubElement(root, "CONTROLLED_VOCABULARY", {"CV_ID": _VOCABULARY})
    Xml.SubElement(vocabulary, "DESCRIPTION", {"LANG_REF": _LANGUAGE})
    for label in SIX.labels:
        entry = Xml.SubElement(vocabulary, "CV_ENTRY_ML", {"CVE_ID": f"cve_{label}"})
        attributes = {"DESCRIPTION": "", "LANG_REF": _LANGUAGE}
        Xml.SubElement(entry, "CVE_VALUE", attributes).text = label


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
