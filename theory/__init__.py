"""Predictors: closed forms, fixed points, recursions, symbolic derivations and convex programs."""
