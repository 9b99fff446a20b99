"""Routes: one router for each API surface; a handler parses the request, calls :mod:`kg` and renders the response."""
