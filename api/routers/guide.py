"""Guide routes: the documentation of the running version, as HTML or Markdown."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.handler_services import Shared
from api.http.request_parsing import origin_path
from api.rendering import guide_pages, html_templates, openapi_helpers, response_format_choice
from kg.errors import NotFound

router = APIRouter(tags=["Guide"], default_response_class=Response)

_FORMATS = (response_format_choice.HTML, "text/markdown")


@router.get(
    "/guide/",
    summary="List the pages of the guide",
    responses={**openapi_helpers.response(_FORMATS, "The list."), **openapi_helpers.problems(406)},
)
def get_guide(request: Request, shared: Shared) -> Response:
    """Return the page that links to all others, as HTML or as Markdown."""
    return _page(request, shared, guide_pages.INDEX)


@router.get(
    "/guide/{page}",
    summary="Read a page of the guide",
    responses={**openapi_helpers.response(_FORMATS, "The page."), **openapi_helpers.problems(404, 406)},
)
def get_guide_page(page: str, request: Request, shared: Shared) -> Response:
    """Return a page as HTML, or as its Markdown source."""
    if page not in guide_pages.sources():
        raise NotFound(f"The guide has no page “{page}”.", remedy="See /guide/ for the pages.")
    return _page(request, shared, page)


def _page(request: Request, shared: Shared, name: str) -> Response:
    media_type = response_format_choice.choose(request, _FORMATS)
    if media_type != response_format_choice.HTML:
        return response_format_choice.negotiated(guide_pages.sources()[name], media_type)
    found = guide_pages.page(name, origin_path(request, ""))
    return html_templates.render(request, shared, "guide.html", {"page": found, "name": name})
