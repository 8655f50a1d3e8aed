"""The grammar of the query string: text -> nodes of a Query, and back."""
