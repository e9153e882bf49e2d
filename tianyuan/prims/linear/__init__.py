"""Primitives that move and add elements, each beside its adjoint."""

from tianyuan.prims.linear.broadcasting import Broadcast as Broadcast
from tianyuan.prims.linear.broadcasting import ReduceSum as ReduceSum
from tianyuan.prims.linear.broadcasting import broadcast as broadcast
from tianyuan.prims.linear.broadcasting import broadcast_to as broadcast_to
from tianyuan.prims.linear.broadcasting import reduce_sum as reduce_sum
from tianyuan.prims.linear.reshaping import Reshape as Reshape
from tianyuan.prims.linear.reshaping import Transpose as Transpose
from tianyuan.prims.linear.reshaping import expand_dims as expand_dims
from tianyuan.prims.linear.reshaping import moveaxis as moveaxis
from tianyuan.prims.linear.reshaping import reshape as reshape
from tianyuan.prims.linear.reshaping import squeeze as squeeze
from tianyuan.prims.linear.reshaping import transpose as transpose
