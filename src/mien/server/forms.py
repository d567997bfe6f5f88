"""One file out of a form as it comes: it is neither held in memory nor written twice."""

from __future__ import annotations

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from mien.server.problems import Problem

__all__ = ["FormFile"]

_MAX_HEADER_BYTES = 8192


class FormFile:
    """Takes the file under one name out of `multipart/form-data`; other fields are passed over.

    Args:
        content_type: The request's header, which names the boundary.
        field: The name of the file.

    Attributes:
        filename: What the file is called, as soon as that is known.

    Raises:
        Problem: 400 if the header names no boundary.
    """

    def __init__(self, content_type: str, *, field: str) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise Problem(400, "expected a boundary in the Content-Type of a form, found none")
        self.filename: str | None = None
        self._field = field.encode()
        self._header, self._value, self._held = b"", b"", 0
        self._disposition = b""
        self._taking = self._found = self._ended = False
        self._pieces: list[bytes] = []
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._name,
                    "on_header_value": self._say,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._choose,
                    "on_part_data": self._take,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise Problem(400, f"the form cannot be read: {error}") from error

    def feed(self, data: bytes) -> bytes:
        """Return what of the file lies in the next piece of the body.

        Raises:
            Problem: 400 if that is no form, or has a second file of the name.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise Problem(400, f"the form cannot be read: {error}") from error
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken

    def close(self) -> None:
        """Hear that the body is at its end.

        Raises:
            Problem: 400 if the form is not, or if it had no such file.
        """
        if not self._ended:
            raise Problem(400, "the form cannot be read: it ends before its last boundary")
        if not self._found:
            raise Problem(400, f"the form has no file under the name '{self._field.decode()}'")

    def _begin(self) -> None:
        self._disposition, self._taking, self._held = b"", False, 0

    def _name(self, data: bytes, start: int, end: int) -> None:
        self._header += self._bounded(data[start:end])

    def _say(self, data: bytes, start: int, end: int) -> None:
        self._value += self._bounded(data[start:end])

    def _bounded(self, piece: bytes) -> bytes:
        self._held += len(piece)
        if self._held > _MAX_HEADER_BYTES:
            raise Problem(400, f"a part of the form has over {_MAX_HEADER_BYTES} bytes of headers")
        return piece

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _choose(self) -> None:
        options = parse_options_header(self._disposition)[1]
        if options.get(b"name") != self._field or b"filename" not in options:
            return
        if self._found:
            raise Problem(400, f"expected one file under '{self._field.decode()}', found several")
        self._taking = self._found = True
        self.filename = options[b"filename"].decode("utf-8", "replace")

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._taking:
            self._pieces.append(data[start:end])

    def _end(self) -> None:
        self._ended = True
