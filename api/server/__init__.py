"""Server: ``kg serve``, its supervisor and web processes, and HTTP/1.1 on uvicorn with limits that uvicorn lacks.

It imports :mod:`api.app`, :mod:`api.edge`, :mod:`api.http` and :mod:`kg`. Routes and their handlers must never enter.
"""
