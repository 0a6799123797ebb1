"""Simulators: they sample, train and solve, and know nothing of the theory."""
