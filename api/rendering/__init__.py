"""Rendering: result formats, HTML pages, the guide, the OpenAPI document and the SPARQL service description.

It imports :mod:`api.http`, :mod:`api.request_context` and :mod:`kg`. Decisions about access must never enter.
"""
