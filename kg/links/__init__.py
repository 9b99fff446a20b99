"""Links to outside datasets: the log of decisions, review, and the link graphs that follow (SSSOM, VoID).

It imports :mod:`kg.linking`, :mod:`kg.reference`, :mod:`kg.store` and below.
"""
