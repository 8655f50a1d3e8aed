"""What the flows of sign-in have in common."""
