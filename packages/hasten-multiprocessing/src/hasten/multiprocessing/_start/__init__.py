"""How a child is started, and what it runs before the caller's function."""
