"""`POST /v1/analyze` and `GET /v1/model`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from mien.columns import example_row, row_schema
from mien.server.errors import ApiError, error_responses
from mien.server.forms import FormFiles
from mien.server.limits import AccessControl, limit_body
from mien.server.service import Service

__all__ = ["MinFacePx", "MinScore", "Units", "images_router"]

MinFacePx = Annotated[
    int | None,
    Query(ge=1, le=4096, description="Leave out faces whose shorter side has fewer pixels."),
]

MinScore = Annotated[
    float | None, Query(ge=0, le=1, description="Leave out faces with a lower detection score.")
]

Units = Annotated[
    bool,
    Query(description="Also say what the parts of each face do, and how the head is turned."),
]

_RESULTS: dict[str, Any] = {
    "description": "One entry per image, in order. An image that cannot be read has an `error`.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["results"],
                "properties": {
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["source", "width", "height", "faces", "notes"],
                            "properties": {
                                "source": {"type": "string"},
                                "width": {"type": "integer"},
                                "height": {"type": "integer"},
                                "faces": {"type": "array", "items": row_schema("face")},
                                "notes": {"type": "array", "items": {"type": "string"}},
                                "error": {"type": "string"},
                                "drawn_jpeg": {"type": "string", "format": "byte"},
                            },
                        },
                    }
                },
            },
            "example": {
                "results": [
                    {
                        "source": "portrait.jpg",
                        "width": 512,
                        "height": 512,
                        "faces": [example_row("face")],
                        "notes": [],
                    }
                ]
            },
        }
    },
}

_FORM_FIELDS = ("files", "file")

_IMAGE = {"type": "string", "format": "binary", "minLength": 1}


def _body_schema(max_images: int) -> dict[str, Any]:
    files = {"type": "array", "minItems": 1, "maxItems": max_images, "items": _IMAGE}
    form = {
        "type": "object",
        "required": ["files"],
        "properties": {"files": files},
        "additionalProperties": False,
    }
    return {
        "requestBody": {
            "required": True,
            "description": "The file of one image, or several as `files` (or `file`) of a form.",
            "content": {
                "image/*": {"schema": _IMAGE},
                "application/octet-stream": {"schema": _IMAGE},
                "multipart/form-data": {"schema": form},
            },
        }
    }


def images_router(service: Service, access: AccessControl) -> APIRouter:
    """Make the endpoints for images and for the description of the models."""
    router = APIRouter()

    @router.post(
        "/v1/analyze",
        summary="Find the faces in images and say which expression each one shows",
        responses={
            200: _RESULTS,
            **error_responses(400, 401, 403, 408, 413, 415, 422, 429, 500, 503),
        },
        openapi_extra=_body_schema(service.options.max_images),
        response_class=Response,
    )
    async def analyze(
        request: Request,
        min_face_px: MinFacePx = None,
        min_score: MinScore = None,
        draw: Annotated[
            bool,
            Query(
                description="Add each image with the faces drawn in as `drawn_jpeg`, in base 64."
            ),
        ] = False,
        units: Units = False,
    ) -> Response:
        caller = access.authorize(request)
        faces = service.options.face_options(min_face_px=min_face_px, min_score=min_score)
        with service.body_memory.reserve() as on_bytes:
            # The limit counts from the end of the body: slow uploads do not block other requests.
            images = await _read_images(request, service, on_bytes)
            with service.image_limit.acquire(), service.metrics.waiting.track_inprogress():
                results = [
                    await service.analyze(
                        data, name, caller=caller, face_options=faces, draw=draw, units=units
                    )
                    for name, data in images
                ]
        if all("error" in result for result in results):
            faults = "; ".join(f"{each['source']}: {each['error']}" for each in results)
            raise ApiError(422, faults)
        return Response(json.dumps({"results": results}), media_type="application/json")

    @router.get(
        "/v1/model",
        summary="The specs of the emotion model, the face detector and the network of units",
        responses=error_responses(400, 401, 403, 429, 500, 503),
    )
    async def model(request: Request) -> dict[str, Any]:
        access.authorize(request)
        return await service.model_info()

    return router


async def _read_images(
    request: Request, service: Service, on_bytes: Callable[[int], None]
) -> list[tuple[str, bytes]]:
    """Read the images of a request; return their names and files."""
    options = service.options
    request = limit_body(
        request,
        max_bytes=options.max_image_bytes,
        timeout_s=options.upload_timeout_s,
        on_bytes=on_bytes,
    )
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _read_form(request, options.max_images)
    if not kind.startswith("image/") and kind not in ("", "application/octet-stream"):
        raise ApiError(
            415, f"expected image/*, application/octet-stream or multipart/form-data, found {kind}"
        )
    data = await request.body()
    if not data:
        raise ApiError(400, "the body is empty; send an image")
    return [("image", data)]


async def _read_form(request: Request, max_images: int) -> list[tuple[str, bytes]]:
    form = FormFiles(
        request.headers["content-type"],
        fields=_FORM_FIELDS,
        option="min_face_px=40",
        max_files=max_images,
    )
    files: list[list[bytes]] = []
    async for chunk in request.stream():
        pieces = form.feed(chunk)
        files += [[] for _ in form.names[len(files) :]]
        for number, piece in pieces:
            files[number].append(piece)
    form.close()
    return [(name or "image", b"".join(file)) for name, file in zip(form.names, files, strict=True)]
