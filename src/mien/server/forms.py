"""A streaming reader of the files in a form: they are not held in memory or written twice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from mien.server.errors import ApiError
from mien.server.requests import unknown_name

__all__ = ["FormFiles"]

_MAX_HEADER_BYTES = 8192

_PARAMETER = re.compile(rb""";\s*([^=;\s]+)\s*=\s*("(?:\\.|[^"\\])*"|[^;]*)""", re.DOTALL)
"""A parameter of a header and its value, which may be a quoted string (RFC 9110, 5.6.6)."""


class FormFiles:
    """Reads the files in `multipart/form-data`; any other field is refused.

    Args:
        content_type: The request's `Content-Type`, with the boundary.
        fields: The names that the field of a file may have.
        option: A query parameter of the address, with a value, as an example for messages.
        max_files: Limit of the files.

    Attributes:
        names: The names of the files whose parts have begun; empty for a file without one.

    Raises:
        ApiError: 400 if the header has no boundary.
    """

    def __init__(
        self, content_type: str, *, fields: Sequence[str], option: str, max_files: int = 1
    ) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise ApiError(400, "expected a boundary in the Content-Type of a form, found none")
        self.names: list[str] = []
        self._fields, self._option, self._max_files = tuple(fields), option, max_files
        self._header, self._value, self._header_bytes = b"", b"", 0
        self._disposition = b""
        self._ended = False
        self._pieces: list[tuple[int, bytes]] = []
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise ApiError(400, f"the form cannot be read: {error}") from error

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Read the next bytes of the body.

        Returns:
            The pieces of files among them, in order: the number of the file, from 0, and its bytes.

        Raises:
            ApiError: 400 if the body is not a form, or if it has another field or too many files.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise ApiError(400, f"the form cannot be read: {error}") from error
        pieces, self._pieces = self._pieces, []
        return pieces

    def close(self) -> None:
        """Check at the end of the body that the form is complete.

        Raises:
            ApiError: 400 if the form is cut off, or if it has no file.
        """
        if not self._ended:
            raise ApiError(400, "the form cannot be read: it ends before its last boundary")
        if not self.names:
            raise ApiError(400, f"the form has no file in its field '{self._fields[0]}'")

    def _on_part_begin(self) -> None:
        self._disposition, self._header_bytes = b"", 0

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += self._counted(data[start:end])

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += self._counted(data[start:end])

    def _counted(self, text: bytes) -> bytes:
        self._header_bytes += len(text)
        if self._header_bytes > _MAX_HEADER_BYTES:
            raise ApiError(400, f"a part of the form has over {_MAX_HEADER_BYTES} bytes of headers")
        return text

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _on_headers_finished(self) -> None:
        options = parse_options_header(self._disposition)[1]
        field = options.get(b"name", b"").decode("utf-8", "replace")
        if field not in self._fields:
            advice = f"; options are query parameters: ?{self._option}"
            raise unknown_name("form field", field, self._fields, advice=advice)
        name = _extended_name(self._disposition)
        if not name and b"filename" in options:
            name = _decoded(options[b"filename"])
        if name is None:
            raise ApiError(400, f"the field '{field}' of the form holds text, expected a file")
        if len(self.names) == self._max_files:
            most = "one file" if self._max_files == 1 else f"at most {self._max_files} files"
            found = "several" if self._max_files == 1 else "more"
            raise ApiError(400, f"expected {most} in the field '{field}', found {found}")
        self.names.append(name)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append((len(self.names) - 1, data[start:end]))

    def _on_end(self) -> None:
        self._ended = True


def _extended_name(disposition: bytes) -> str | None:
    """Return the name in `filename*` (RFC 6266), such as `UTF-8''%C3%A9.jpg`; None without it."""
    parameters = {key.lower(): value for key, value in _PARAMETER.findall(disposition)}
    if b"filename*" not in parameters:
        return None
    value = parameters[b"filename*"].strip(b' \t"')
    charset, apostrophe, rest = value.partition(b"'")
    name = unquote_to_bytes(rest.partition(b"'")[2] if apostrophe else value)
    return name.decode("latin-1") if charset.lower() == b"iso-8859-1" else _decoded(name)


def _decoded(name: bytes) -> str:
    """Return a name as text: UTF-8, and what is not is taken for Latin-1."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("latin-1")
