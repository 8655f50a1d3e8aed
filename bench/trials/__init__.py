"""What is asked beside the works: fixed amounts, overload, large bodies, and for long."""
