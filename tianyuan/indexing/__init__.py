"""Reading and updating by index: ``x[index]``, ``x.at[index]``, ``take``, dynamic slices, segments.

Public names: take take_along_axis dynamic_slice dynamic_update_slice segment_sum segment_prod segment_max
segment_min. ``x[...]`` and ``x.at`` install themselves in ``Array``.
"""

from tianyuan.indexing.reading import getitem as getitem
from tianyuan.indexing.segments import segment_max as segment_max
from tianyuan.indexing.segments import segment_min as segment_min
from tianyuan.indexing.segments import segment_prod as segment_prod
from tianyuan.indexing.segments import segment_sum as segment_sum
from tianyuan.indexing.taking import dynamic_slice as dynamic_slice
from tianyuan.indexing.taking import dynamic_update_slice as dynamic_update_slice
from tianyuan.indexing.taking import take as take
from tianyuan.indexing.taking import take_along_axis as take_along_axis
from tianyuan.indexing.updating import At as At
