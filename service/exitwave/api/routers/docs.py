"""The page ``/docs``: Swagger UI, served from this host alone."""

from __future__ import annotations

from importlib import resources

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import HTMLResponse

from exitwave.web.routes import PAGE_HEADERS, Assets

router = APIRouter(prefix="/docs", include_in_schema=False)

# Scripts in pages are forbidden by the policy, so that what starts Swagger UI is a file.
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>exitwave: API</title>
<link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "list",
  validatorUrl: null, // it would show the description to another host
});
"""


@router.get("", response_class=HTMLResponse)
def page() -> HTMLResponse:
    """The page."""
    return HTMLResponse(PAGE, headers=PAGE_HEADERS)


@router.get("/start.js")
def start() -> Response:
    """What starts Swagger UI."""
    return Response(START, media_type="text/javascript", headers=PAGE_HEADERS)


def add_assets(app: FastAPI) -> None:
    """Serve Swagger UI's files, which `fastapi-offline` carries, at ``/docs/assets``."""
    folder = resources.files("fastapi_offline").joinpath("static")
    app.mount("/docs/assets", Assets(directory=str(folder)), name="docs")
