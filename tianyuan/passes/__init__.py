"""Passes over Programs, run once, after the last transformation: none of them changes a bit of a result."""

from tianyuan.passes.finishing import finish as finish
from tianyuan.passes.merging import cse as cse
from tianyuan.passes.optimizing import optimize as optimize
from tianyuan.passes.pruning import dce as dce
from tianyuan.passes.simplifying import simplify as simplify
