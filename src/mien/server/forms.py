"""A streaming reader of one file in a form: the file is not held in memory or written twice."""

from __future__ import annotations

from collections.abc import Sequence

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from mien.server.errors import ApiError
from mien.server.requests import unknown_name

__all__ = ["FormFile", "check_field"]

_MAX_HEADER_BYTES = 8192


def check_field(name: str, fields: Sequence[str], *, option: str) -> None:
    """Refuse a field of a form that there is not.

    Args:
        name: The field's name.
        fields: The names that there are.
        option: A query parameter of the address, with a value, as an example.

    Raises:
        ApiError: 400; the message names the field and those that there are.
    """
    if name not in fields:
        advice = f"; options are query parameters: ?{option}"
        raise unknown_name("form field", name, fields, advice=advice)


class FormFile:
    """Reads the file in `multipart/form-data`; any other field is refused.

    Args:
        content_type: The request's `Content-Type`, with the boundary.
        fields: The names that the file's field may have.
        option: A query parameter of the address, with a value, as an example for messages.

    Attributes:
        filename: The file's name; None until its part begins.

    Raises:
        ApiError: 400 if the header has no boundary.
    """

    def __init__(self, content_type: str, *, fields: Sequence[str], option: str) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise ApiError(400, "expected a boundary in the Content-Type of a form, found none")
        self.filename: str | None = None
        self._fields, self._option = tuple(fields), option
        self._header, self._value, self._header_bytes = b"", b"", 0
        self._disposition = b""
        self._in_file = self._has_file = self._ended = False
        self._chunks: list[bytes] = []
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

    def feed(self, data: bytes) -> bytes:
        """Read the next bytes of the body and return those that belong to the file.

        Raises:
            ApiError: 400 if the body is not a form, or if it has another field or a second file.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise ApiError(400, f"the form cannot be read: {error}") from error
        file_bytes = b"".join(self._chunks)
        self._chunks.clear()
        return file_bytes

    def close(self) -> None:
        """Check at the end of the body that the form is complete.

        Raises:
            ApiError: 400 if the form is cut off, or if it has no file.
        """
        if not self._ended:
            raise ApiError(400, "the form cannot be read: it ends before its last boundary")
        if not self._has_file:
            raise ApiError(400, f"the form has no file in its field '{self._fields[0]}'")

    def _on_part_begin(self) -> None:
        self._disposition, self._in_file, self._header_bytes = b"", False, 0

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
        name = options.get(b"name", b"").decode("utf-8", "replace")
        check_field(name, self._fields, option=self._option)
        if b"filename" not in options:
            raise ApiError(400, f"the field '{name}' of the form holds text, expected a file")
        if self._has_file:
            raise ApiError(400, f"expected one file in the field '{name}', found several")
        self._in_file = self._has_file = True
        self.filename = options[b"filename"].decode("utf-8", "replace")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._chunks.append(data[start:end])

    def _on_end(self) -> None:
        self._ended = True
