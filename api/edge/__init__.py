"""Edge of the application: response cache, CORS, access log, metrics and the memory budget of unsent responses.

It imports :mod:`api.http` and :mod:`kg`. The behaviour of a single route must never enter.
"""
