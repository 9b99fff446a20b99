"""Articles in the store: adding, removing, listing, explaining where a fact comes from, competency questions.

It imports :mod:`kg.gate`, :mod:`kg.document`, :mod:`kg.store` and below. Links to outside datasets must never enter.
"""
