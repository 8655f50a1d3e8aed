"""Keys of programs: what scripts and other servers show, in the name of a user or of a tenant."""
