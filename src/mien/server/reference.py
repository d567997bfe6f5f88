"""The reference of the API as a page, made of the OpenAPI document: nothing is loaded for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response

__all__ = ["mount_reference"]

_STYLE = """body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; color: #1a1a1a; background: #fff; }
h2 { margin-top: 2.5rem; }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0;
  border-bottom: 1px solid #ccc; }
@media (prefers-color-scheme: dark) {
  body { color: #e8e8e8; background: #161616; }
  a { color: #8ab4f8; }
}
"""
"""A file of its own, since the page's security headers allow no style within it."""


def mount_reference(app: FastAPI) -> None:
    """Serve the reference at `/docs`.

    Args:
        app: The application; endpoints that are added later are in the reference, too.
    """

    @app.api_route("/docs", methods=["GET", "HEAD"], include_in_schema=False)
    async def reference() -> HTMLResponse:
        return HTMLResponse(_page(app.openapi()))

    @app.api_route("/docs.css", methods=["GET", "HEAD"], include_in_schema=False)
    async def style() -> Response:
        return Response(_STYLE, media_type="text/css")


def _page(document: dict[str, Any]) -> str:
    info = document["info"]
    sections = [
        section
        for address, operations in document["paths"].items()
        for method, operation in operations.items()
        for section in _operation(method.upper(), address, operation)
    ]
    title = f"{escape(info['title'])} {escape(info['version'])}: the API"
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<title>{title}</title><link rel="stylesheet" href="docs.css"></head><body>',
            f"<h1>{title}</h1>",
            f"<p>{escape(info['description'])}</p>",
            '<p>The whole description, with the fields of every answer: <a href="openapi.json">'
            "openapi.json</a>.</p>",
            *sections,
            "</body></html>",
        ]
    )


def _operation(method: str, address: str, operation: dict[str, Any]) -> Iterator[str]:
    """Yield the section of an endpoint."""
    yield f"<h2><code>{method} {escape(address)}</code></h2>"
    yield f"<p>{escape(operation['summary'])}.</p>"
    if "description" in operation:
        yield f"<p>{escape(operation['description'])}</p>"
    if body := operation.get("requestBody", {}).get("content"):
        yield f"<p>Body: {_codes(body)}.</p>"
    if parameters := operation.get("parameters"):
        rows = [
            (f"<code>{escape(each['name'])}</code>", each["in"], escape(each["description"]))
            for each in parameters
        ]
        yield _table(("parameter", "in", "meaning"), rows)
    rows = [
        (status, escape(answer["description"]), _codes(answer.get("content", ())))
        for status, answer in sorted(operation["responses"].items())
    ]
    yield _table(("answer", "meaning", "type"), rows)


def _codes(words: Iterable[str]) -> str:
    return ", ".join(f"<code>{escape(each)}</code>" for each in words)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows]
    heads = "".join(f"<th>{each}</th>" for each in head)
    return f"<table><tr>{heads}</tr>\n" + "\n".join(lines) + "\n</table>"
