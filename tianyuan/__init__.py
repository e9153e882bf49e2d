"""Tianyuan: a pure-functional array framework whose programs give the same bits everywhere.

``import tianyuan as ty``. Public names only; the training library (``nn optim data record testing``) loads on
first use.
"""

import importlib
import sys
from typing import Any

if not sys.platform.startswith("linux"):
    raise ImportError("tianyuan runs on Linux x86-64 for now; on macOS and Windows use a container or WSL")

from tianyuan import fft as fft
from tianyuan import linalg as linalg
from tianyuan import printing as printing
from tianyuan import random as random
from tianyuan import special as special
from tianyuan import tree as tree
from tianyuan.array import Array as Array
from tianyuan.callbacks import debug as debug
from tianyuan.callbacks import pure_callback as pure_callback
from tianyuan.collectives import all_gather as all_gather
from tianyuan.collectives import axis_index as axis_index
from tianyuan.collectives import pmax as pmax
from tianyuan.collectives import pmean as pmean
from tianyuan.collectives import pmin as pmin
from tianyuan.collectives import psum as psum
from tianyuan.compiling import eval_shape as eval_shape
from tianyuan.compiling import jit as jit
from tianyuan.compiling import make_program as make_program
from tianyuan.compiling import show as show
from tianyuan.control import associative_scan as associative_scan
from tianyuan.control import checkpoint as checkpoint
from tianyuan.control import checkpoint_name as checkpoint_name
from tianyuan.control import checkpoint_policies as checkpoint_policies
from tianyuan.control import cond as cond
from tianyuan.control import fori_loop as fori_loop
from tianyuan.control import map as map
from tianyuan.control import scan as scan
from tianyuan.control import switch as switch
from tianyuan.control import while_loop as while_loop
from tianyuan.custom_rules import custom_jvp as custom_jvp
from tianyuan.custom_rules import custom_vjp as custom_vjp
from tianyuan.custom_rules import stop_gradient as stop_gradient
from tianyuan.digest import digest as digest
from tianyuan.errors import ArrayTypeError as ArrayTypeError
from tianyuan.errors import CallbackError as CallbackError
from tianyuan.errors import ConcretizationError as ConcretizationError
from tianyuan.errors import DataDependentShapeError as DataDependentShapeError
from tianyuan.errors import DonatedArrayError as DonatedArrayError
from tianyuan.errors import KeyReuseError as KeyReuseError
from tianyuan.errors import KeyReuseWarning as KeyReuseWarning
from tianyuan.errors import LeakedTracerError as LeakedTracerError
from tianyuan.errors import MachineError as MachineError
from tianyuan.errors import NoRuleError as NoRuleError
from tianyuan.errors import NumberRangeError as NumberRangeError
from tianyuan.errors import OutOfBoundsError as OutOfBoundsError
from tianyuan.errors import ParseError as ParseError
from tianyuan.errors import RecordError as RecordError
from tianyuan.errors import RetracingError as RetracingError
from tianyuan.errors import SettingError as SettingError
from tianyuan.errors import ShapeError as ShapeError
from tianyuan.errors import TianyuanError as TianyuanError
from tianyuan.errors import TreeError as TreeError
from tianyuan.errors import VerificationError as VerificationError
from tianyuan.functions.assembling import append as append
from tianyuan.functions.assembling import array_split as array_split
from tianyuan.functions.assembling import column_stack as column_stack
from tianyuan.functions.assembling import delete as delete
from tianyuan.functions.assembling import dstack as dstack
from tianyuan.functions.assembling import fliplr as fliplr
from tianyuan.functions.assembling import flipud as flipud
from tianyuan.functions.assembling import hstack as hstack
from tianyuan.functions.assembling import insert as insert
from tianyuan.functions.assembling import pad as pad
from tianyuan.functions.assembling import rot90 as rot90
from tianyuan.functions.assembling import vstack as vstack
from tianyuan.functions.choosing import gcd as gcd
from tianyuan.functions.choosing import lcm as lcm
from tianyuan.functions.choosing import piecewise as piecewise
from tianyuan.functions.choosing import select as select
from tianyuan.functions.choosing import select_n as select_n
from tianyuan.functions.closeness import allclose as allclose
from tianyuan.functions.closeness import array_equal as array_equal
from tianyuan.functions.closeness import isclose as isclose
from tianyuan.functions.contraction import dot_general as dot_general
from tianyuan.functions.contraction import inner as inner
from tianyuan.functions.contraction import kron as kron
from tianyuan.functions.contraction import matmul as matmul
from tianyuan.functions.contraction import outer as outer
from tianyuan.functions.contraction import tensordot as tensordot
from tianyuan.functions.contraction import vdot as vdot
from tianyuan.functions.contraction import vecdot as vecdot
from tianyuan.functions.convolution import conv as conv
from tianyuan.functions.convolution import conv_general_dilated as conv_general_dilated
from tianyuan.functions.convolution import conv_transpose as conv_transpose
from tianyuan.functions.creation import arange as arange
from tianyuan.functions.creation import empty as empty
from tianyuan.functions.creation import empty_like as empty_like
from tianyuan.functions.creation import eye as eye
from tianyuan.functions.creation import full as full
from tianyuan.functions.creation import full_like as full_like
from tianyuan.functions.creation import linspace as linspace
from tianyuan.functions.creation import meshgrid as meshgrid
from tianyuan.functions.creation import ones as ones
from tianyuan.functions.creation import ones_like as ones_like
from tianyuan.functions.creation import zeros as zeros
from tianyuan.functions.creation import zeros_like as zeros_like
from tianyuan.functions.datatypes import array_namespace_info as __array_namespace_info__
from tianyuan.functions.datatypes import can_cast as can_cast
from tianyuan.functions.datatypes import finfo as finfo
from tianyuan.functions.datatypes import iinfo as iinfo
from tianyuan.functions.datatypes import isdtype as isdtype
from tianyuan.functions.datatypes import result_type as result_type
from tianyuan.functions.einsum import einsum as einsum
from tianyuan.functions.elementwise import abs as abs
from tianyuan.functions.elementwise import acos as acos
from tianyuan.functions.elementwise import acosh as acosh
from tianyuan.functions.elementwise import add as add
from tianyuan.functions.elementwise import angle as angle
from tianyuan.functions.elementwise import asin as asin
from tianyuan.functions.elementwise import asinh as asinh
from tianyuan.functions.elementwise import atan as atan
from tianyuan.functions.elementwise import atan2 as atan2
from tianyuan.functions.elementwise import atanh as atanh
from tianyuan.functions.elementwise import bitwise_and as bitwise_and
from tianyuan.functions.elementwise import bitwise_invert as bitwise_invert
from tianyuan.functions.elementwise import bitwise_left_shift as bitwise_left_shift
from tianyuan.functions.elementwise import bitwise_or as bitwise_or
from tianyuan.functions.elementwise import bitwise_right_shift as bitwise_right_shift
from tianyuan.functions.elementwise import bitwise_xor as bitwise_xor
from tianyuan.functions.elementwise import cbrt as cbrt
from tianyuan.functions.elementwise import ceil as ceil
from tianyuan.functions.elementwise import clip as clip
from tianyuan.functions.elementwise import conj as conj
from tianyuan.functions.elementwise import copysign as copysign
from tianyuan.functions.elementwise import cos as cos
from tianyuan.functions.elementwise import cosh as cosh
from tianyuan.functions.elementwise import deg2rad as deg2rad
from tianyuan.functions.elementwise import digamma as digamma
from tianyuan.functions.elementwise import divide as divide
from tianyuan.functions.elementwise import equal as equal
from tianyuan.functions.elementwise import erf as erf
from tianyuan.functions.elementwise import erfc as erfc
from tianyuan.functions.elementwise import erfinv as erfinv
from tianyuan.functions.elementwise import exp as exp
from tianyuan.functions.elementwise import exp2 as exp2
from tianyuan.functions.elementwise import expm1 as expm1
from tianyuan.functions.elementwise import floor as floor
from tianyuan.functions.elementwise import floor_divide as floor_divide
from tianyuan.functions.elementwise import fmod as fmod
from tianyuan.functions.elementwise import greater as greater
from tianyuan.functions.elementwise import greater_equal as greater_equal
from tianyuan.functions.elementwise import heaviside as heaviside
from tianyuan.functions.elementwise import hypot as hypot
from tianyuan.functions.elementwise import imag as imag
from tianyuan.functions.elementwise import isfinite as isfinite
from tianyuan.functions.elementwise import isinf as isinf
from tianyuan.functions.elementwise import isnan as isnan
from tianyuan.functions.elementwise import less as less
from tianyuan.functions.elementwise import less_equal as less_equal
from tianyuan.functions.elementwise import lgamma as gammaln  # pyright: ignore[reportUnusedImport]
from tianyuan.functions.elementwise import lgamma as lgamma
from tianyuan.functions.elementwise import log as log
from tianyuan.functions.elementwise import log10 as log10
from tianyuan.functions.elementwise import log1p as log1p
from tianyuan.functions.elementwise import log2 as log2
from tianyuan.functions.elementwise import logaddexp as logaddexp
from tianyuan.functions.elementwise import logaddexp2 as logaddexp2
from tianyuan.functions.elementwise import logical_and as logical_and
from tianyuan.functions.elementwise import logical_not as logical_not
from tianyuan.functions.elementwise import logical_or as logical_or
from tianyuan.functions.elementwise import logical_xor as logical_xor
from tianyuan.functions.elementwise import maximum as maximum
from tianyuan.functions.elementwise import minimum as minimum
from tianyuan.functions.elementwise import multiply as multiply
from tianyuan.functions.elementwise import nan_to_num as nan_to_num
from tianyuan.functions.elementwise import negative as negative
from tianyuan.functions.elementwise import nextafter as nextafter
from tianyuan.functions.elementwise import not_equal as not_equal
from tianyuan.functions.elementwise import popcount as popcount
from tianyuan.functions.elementwise import positive as positive
from tianyuan.functions.elementwise import pow as pow
from tianyuan.functions.elementwise import rad2deg as rad2deg
from tianyuan.functions.elementwise import real as real
from tianyuan.functions.elementwise import reciprocal as reciprocal
from tianyuan.functions.elementwise import remainder as remainder
from tianyuan.functions.elementwise import round as round
from tianyuan.functions.elementwise import rsqrt as rsqrt
from tianyuan.functions.elementwise import sign as sign
from tianyuan.functions.elementwise import signbit as signbit
from tianyuan.functions.elementwise import sin as sin
from tianyuan.functions.elementwise import sinc as sinc
from tianyuan.functions.elementwise import sinh as sinh
from tianyuan.functions.elementwise import sqrt as sqrt
from tianyuan.functions.elementwise import square as square
from tianyuan.functions.elementwise import subtract as subtract
from tianyuan.functions.elementwise import tan as tan
from tianyuan.functions.elementwise import tanh as tanh
from tianyuan.functions.elementwise import trunc as trunc
from tianyuan.functions.elementwise import where as where
from tianyuan.functions.interchange import API_VERSION as __array_api_version__
from tianyuan.functions.interchange import asarray as asarray
from tianyuan.functions.interchange import from_dlpack as from_dlpack
from tianyuan.functions.manipulation import astype as astype
from tianyuan.functions.manipulation import broadcast_arrays as broadcast_arrays
from tianyuan.functions.manipulation import broadcast_shapes_of as broadcast_shapes  # pyright: ignore[reportUnusedImport]
from tianyuan.functions.manipulation import broadcast_to as broadcast_to
from tianyuan.functions.manipulation import concat as concat
from tianyuan.functions.manipulation import expand_dims as expand_dims
from tianyuan.functions.manipulation import flip as flip
from tianyuan.functions.manipulation import matrix_transpose as matrix_transpose
from tianyuan.functions.manipulation import moveaxis as moveaxis
from tianyuan.functions.manipulation import permute_dims as permute_dims
from tianyuan.functions.manipulation import ravel as ravel
from tianyuan.functions.manipulation import repeat as repeat
from tianyuan.functions.manipulation import reshape as reshape
from tianyuan.functions.manipulation import roll as roll
from tianyuan.functions.manipulation import split as split
from tianyuan.functions.manipulation import squeeze as squeeze
from tianyuan.functions.manipulation import stack as stack
from tianyuan.functions.manipulation import swapaxes as swapaxes
from tianyuan.functions.manipulation import tile as tile
from tianyuan.functions.manipulation import unstack as unstack
from tianyuan.functions.mapping import apply_along_axis as apply_along_axis
from tianyuan.functions.mapping import vectorize as vectorize
from tianyuan.functions.ordering import argsort as argsort
from tianyuan.functions.ordering import nonzero as nonzero
from tianyuan.functions.ordering import searchsorted as searchsorted
from tianyuan.functions.ordering import sort as sort
from tianyuan.functions.ordering import top_k as top_k
from tianyuan.functions.quantiles import bincount as bincount
from tianyuan.functions.quantiles import digitize as digitize
from tianyuan.functions.quantiles import histogram as histogram
from tianyuan.functions.quantiles import interp as interp
from tianyuan.functions.quantiles import median as median
from tianyuan.functions.quantiles import percentile as percentile
from tianyuan.functions.quantiles import quantile as quantile
from tianyuan.functions.running import cumlogsumexp as cumlogsumexp
from tianyuan.functions.running import cummax as cummax
from tianyuan.functions.running import cummin as cummin
from tianyuan.functions.running import cumprod as cumprod
from tianyuan.functions.running import cumsum as cumsum
from tianyuan.functions.running import cumulative_prod as cumulative_prod
from tianyuan.functions.running import cumulative_sum as cumulative_sum
from tianyuan.functions.running import diff as diff
from tianyuan.functions.sets import isin as isin
from tianyuan.functions.sets import unique_all as unique_all
from tianyuan.functions.sets import unique_counts as unique_counts
from tianyuan.functions.sets import unique_inverse as unique_inverse
from tianyuan.functions.sets import unique_values as unique_values
from tianyuan.functions.statistics import all as all
from tianyuan.functions.statistics import any as any
from tianyuan.functions.statistics import argmax as argmax
from tianyuan.functions.statistics import argmin as argmin
from tianyuan.functions.statistics import average as average
from tianyuan.functions.statistics import count_nonzero as count_nonzero
from tianyuan.functions.statistics import max as max
from tianyuan.functions.statistics import mean as mean
from tianyuan.functions.statistics import min as min
from tianyuan.functions.statistics import nanmax as nanmax
from tianyuan.functions.statistics import nanmean as nanmean
from tianyuan.functions.statistics import nanmin as nanmin
from tianyuan.functions.statistics import nanstd as nanstd
from tianyuan.functions.statistics import nansum as nansum
from tianyuan.functions.statistics import nanvar as nanvar
from tianyuan.functions.statistics import prod as prod
from tianyuan.functions.statistics import ptp as ptp
from tianyuan.functions.statistics import std as std
from tianyuan.functions.statistics import sum as sum
from tianyuan.functions.statistics import var as var
from tianyuan.functions.triangles import diag as diag
from tianyuan.functions.triangles import diag_indices as diag_indices
from tianyuan.functions.triangles import diagonal as diagonal
from tianyuan.functions.triangles import trace as trace
from tianyuan.functions.triangles import tri as tri
from tianyuan.functions.triangles import tril as tril
from tianyuan.functions.triangles import tril_indices as tril_indices
from tianyuan.functions.triangles import triu as triu
from tianyuan.functions.triangles import triu_indices as triu_indices
from tianyuan.functions.windows import convolve as convolve
from tianyuan.functions.windows import correlate as correlate
from tianyuan.functions.windows import reduce_window_max as reduce_window_max
from tianyuan.functions.windows import reduce_window_sum as reduce_window_sum
from tianyuan.indexing import dynamic_slice as dynamic_slice
from tianyuan.indexing import dynamic_update_slice as dynamic_update_slice
from tianyuan.indexing import segment_max as segment_max
from tianyuan.indexing import segment_min as segment_min
from tianyuan.indexing import segment_prod as segment_prod
from tianyuan.indexing import segment_sum as segment_sum
from tianyuan.indexing import take as take
from tianyuan.indexing import take_along_axis as take_along_axis
from tianyuan.parser import parse
from tianyuan.program import Program as Program
from tianyuan.settings import NUMERICS_VERSION, VERSION
from tianyuan.settings import config as config
from tianyuan.transforms.derivatives import grad as grad
from tianyuan.transforms.derivatives import hessian as hessian
from tianyuan.transforms.derivatives import hvp as hvp
from tianyuan.transforms.derivatives import jacfwd as jacfwd
from tianyuan.transforms.derivatives import jacrev as jacrev
from tianyuan.transforms.derivatives import jvp as jvp
from tianyuan.transforms.derivatives import linear_transpose as linear_transpose
from tianyuan.transforms.derivatives import linearize as linearize
from tianyuan.transforms.derivatives import value_and_grad as value_and_grad
from tianyuan.transforms.derivatives import vjp as vjp
from tianyuan.transforms.mapping import vmap as vmap
from tianyuan.tree import register_node as register_node
from tianyuan.tree import static as static
from tianyuan.tree import struct as struct
from tianyuan.types import ArrayType as ArrayType
from tianyuan.types import DType as DType
from tianyuan.types import bfloat16 as bfloat16
from tianyuan.types import bool_
from tianyuan.types import complex64 as complex64
from tianyuan.types import complex128 as complex128
from tianyuan.types import float16 as float16
from tianyuan.types import float32 as float32
from tianyuan.types import float64 as float64
from tianyuan.types import int8 as int8
from tianyuan.types import int16 as int16
from tianyuan.types import int32 as int32
from tianyuan.types import int64 as int64
from tianyuan.types import uint8 as uint8
from tianyuan.types import uint16 as uint16
from tianyuan.types import uint32 as uint32
from tianyuan.types import uint64 as uint64

__version__ = VERSION
numerics_version = NUMERICS_VERSION
bool = bool_
parse_program = parse
remat = checkpoint
e = 2.718281828459045
inf = float("inf")
nan = float("nan")
newaxis = None
pi = 3.141592653589793

_LAZY = ("nn", "optim", "data", "record", "testing", "lax")


def __getattr__(name: str) -> Any:
    """The training library, on first use."""
    if name in _LAZY:
        return importlib.import_module(f"tianyuan.{name}")
    raise AttributeError(f"module 'tianyuan' has no attribute {name!r}")


def block_until_ready(value: Any) -> Any:
    """``value``: results of the CPU are ready when a call returns."""
    return value
