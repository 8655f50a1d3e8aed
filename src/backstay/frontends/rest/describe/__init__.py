"""What is served, told to clients: Swagger 2.0 as PostgREST tells it, and OpenAPI 3.1."""
