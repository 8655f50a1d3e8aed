"""What the secret key may do with users: see them all, make and change them, turn them out, and read the trail."""
