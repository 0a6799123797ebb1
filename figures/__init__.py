"""One package per family: its claims, and the drawings of its figures."""
