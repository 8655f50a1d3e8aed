"""Applications that live beside ours: where they are mounted, what they are told of their visitors."""
