"""HTTP as a client: every connection that this program opens to another server.

Requests of users (SERVICE, LOAD) go only to URLs on the operator's allow-lists and never to private addresses; a
command may also ask the one server that its user names. May import `kg.errors`, `kg.config` and libraries. Must never
contain SPARQL, the store, or anything that serves HTTP.
"""
