"""The ``kg`` command: one module for each group of commands, imported only when one of them runs.

It may import every package of :mod:`kg`; nothing imports it.
"""
