"""The primitives, each in one place."""
