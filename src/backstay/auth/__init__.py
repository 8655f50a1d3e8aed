"""Who calls: keys, tokens, and the caller they speak for."""
