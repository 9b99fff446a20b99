"""Routes: one router for each surface; a handler reads the request, calls :mod:`kg` and renders."""
