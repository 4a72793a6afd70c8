"""The dashboard's page and its files. All of it is public: data come through the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bokeh.util.paths import bokehjs_path
from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

from .figures import Theme
from .panels import panels_json

STATIC = Path(__file__).parent / "static"

# BokehJS puts its style sheets into the page itself and draws canvases to data: images.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
PAGE_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}

router = APIRouter(include_in_schema=False)


class Assets(StaticFiles):
    """Static files that browsers ask about each time, so that an upgrade shows at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, to be revalidated by its ETag."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


@router.get("/")
def page() -> FileResponse:
    """The one page."""
    return FileResponse(STATIC / "index.html", headers=PAGE_HEADERS)


@router.get("/assets/panels.json")
def panels(theme: Theme = "dark") -> dict[str, Any]:
    """The table of panels, with their figures and palettes."""
    return panels_json(theme)


def add_dashboard(app: FastAPI) -> None:
    """Put the dashboard at ``/``, its files at ``/static`` and BokehJS at ``/bokeh``."""
    app.include_router(router)
    app.mount("/static", Assets(directory=STATIC), name="static")
    app.mount("/bokeh", Assets(directory=bokehjs_path()), name="bokeh")
