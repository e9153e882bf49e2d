"""Optimizers as pairs of pure functions, and schedules. Public names are re-exported here."""

from tianyuan.optim.optimizers import adam as adam
from tianyuan.optim.optimizers import adamw as adamw
from tianyuan.optim.optimizers import sgd as sgd
from tianyuan.optim.schedules import constant as constant
from tianyuan.optim.schedules import cosine_decay as cosine_decay
from tianyuan.optim.schedules import warmup_cosine as warmup_cosine
from tianyuan.optim.transformations import Optimizer as Optimizer
from tianyuan.optim.transformations import add_decayed_weights as add_decayed_weights
from tianyuan.optim.transformations import apply_updates as apply_updates
from tianyuan.optim.transformations import chain as chain
from tianyuan.optim.transformations import clip_by_global_norm as clip_by_global_norm
from tianyuan.optim.transformations import global_norm as global_norm
