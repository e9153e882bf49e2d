"""Decompositions of matrices as programs of primitives: loops over panels whose sizes belong to their definition."""
