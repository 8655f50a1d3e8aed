"""Answers too long to be held: the database yields row after row, and the body gathers in a file."""
