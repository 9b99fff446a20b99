"""Readers: processes that answer queries and run tasks, the launcher that forks them, their queue and its fairness.

It imports messages, tasks, confinement and client usage of :mod:`kg.processes`, and below. Neither HTTP nor the writer
must enter.
"""
