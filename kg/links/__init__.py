"""Links to outside datasets: the log of decisions, review, and the link graphs derived from it (SSSOM, VoID).

It imports :mod:`kg.linking`, :mod:`kg.reference`, :mod:`kg.store` and below. The search for records (it is in
:mod:`kg.linking`) and HTTP must never enter.
"""
