"""Maintenance of a data directory: backup, restore, and the checks of ``kg doctor``.

It imports the stores and the gate; commands and HTTP must never enter.
"""
