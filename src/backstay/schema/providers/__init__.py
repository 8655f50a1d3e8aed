"""Who else may say who a user is."""
