"""Readers: processes that answer queries and run tasks, the launcher that forks them, their queue and its fairness.

It imports :mod:`kg.processes`'s messages, tasks and confinement, and below. Neither HTTP nor the writer must enter.
"""
