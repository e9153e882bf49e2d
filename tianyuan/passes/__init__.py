"""What happens to a Program after the last transformation. Public: ``optimize``."""

from tianyuan.passes.optimizing import optimize as optimize
