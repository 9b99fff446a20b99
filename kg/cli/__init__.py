"""The ``kg`` command: one module for each group of commands, loaded when it is called.

It may import every package of :mod:`kg`; nothing imports it.
"""
