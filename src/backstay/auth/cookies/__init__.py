"""A session that a browser keeps in cookies, for sites that the server renders."""
