"""What is done when more requests come than can be answered: some are refused at once, and the others are not late."""
