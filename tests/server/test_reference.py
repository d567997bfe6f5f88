"""The reference of the API is a page of this server alone."""

import html
import re


def test_docs_list_every_endpoint_and_load_nothing_from_elsewhere(client):
    page = client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    for address, operations in client.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            assert f"<code>{method.upper()} {address}</code>" in page.text
            assert html.escape(operation["summary"]) in page.text
            for parameter in operation.get("parameters", []):
                assert f"<code>{parameter['name']}</code>" in page.text
    assert "<script" not in page.text
    loaded = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert loaded == ["docs.css", "openapi.json"]
    assert client.get("/docs.css").headers["content-type"].startswith("text/css")
    assert client.head("/docs").status_code == 200
    assert client.get("/docs/").status_code == 200
