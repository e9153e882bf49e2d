"""Program -> fused program. Public: ``fuse``."""

from tianyuan_jit.fusion.fusing import fuse as fuse
