"""Edge of the application: representations, response cache, CORS, access log, metrics and unsent responses.

It imports :mod:`api.http` and :mod:`kg`. The behaviour of a single route must never enter.
"""
