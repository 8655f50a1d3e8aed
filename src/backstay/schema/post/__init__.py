"""What is sent to users, and who sends it: mail and texts."""
