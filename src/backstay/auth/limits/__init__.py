"""How often somebody may try: limits and locks that all workers share, and whom they are counted for."""
