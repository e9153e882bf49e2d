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
from tianyuan.prims.linear.slicing import Concatenate as Concatenate
from tianyuan.prims.linear.slicing import Pad as Pad
from tianyuan.prims.linear.slicing import Reverse as Reverse
from tianyuan.prims.linear.slicing import Slice as Slice
from tianyuan.prims.linear.slicing import concatenate as concatenate
from tianyuan.prims.linear.slicing import pad as pad
from tianyuan.prims.linear.slicing import reverse as reverse
from tianyuan.prims.linear.slicing import slice as slice
from tianyuan.prims.linear.slicing import slice_axis as slice_axis
