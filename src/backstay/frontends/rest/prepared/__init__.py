"""Prepared requests: one whose structure was answered before is answered again without being parsed.

It is to a request what a prepared statement is to a query. Where values stand in a structure is not known by rules of
its own: the request is parsed once more with a mark in the place of each value, and where the marks come out again in
the query is where the values belong. A structure in which they do not come out whole is parsed each time.
"""
