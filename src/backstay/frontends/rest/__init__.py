"""PostgREST's wire: request -> Query, Reply -> response. Pure functions only."""
