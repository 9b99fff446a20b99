"""Maintenance of a data directory: backup, restore, and the checks of ``kg doctor``.

It imports the stores, the gate and the HTTP client; commands and HTTP servers must never enter.
"""
