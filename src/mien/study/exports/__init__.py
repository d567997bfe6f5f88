"""Episodes in the formats of other programs: subtitles, ELAN, Praat, BORIS."""

from mien.study.exports.boris import boris_project
from mien.study.exports.elan import elan_document
from mien.study.exports.subtitles import srt_text, webvtt_text
from mien.study.exports.textgrid import textgrid_text

__all__ = ["boris_project", "elan_document", "srt_text", "textgrid_text", "webvtt_text"]
