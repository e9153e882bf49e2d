"""Element-wise primitives: one function of scalars each, applied to every element."""
