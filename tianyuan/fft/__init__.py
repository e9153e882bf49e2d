"""``ty.fft``: discrete Fourier transforms (the extension of the array API standard, and JAX's two-dimensional ones).

The plan is a function of n alone, tables are correctly rounded, the last axis is transformed first, and scaling is
one division at the end (docs/numerics.md).
"""

from tianyuan.fft.frequencies import fftfreq as fftfreq
from tianyuan.fft.frequencies import fftshift as fftshift
from tianyuan.fft.frequencies import ifftshift as ifftshift
from tianyuan.fft.frequencies import rfftfreq as rfftfreq
from tianyuan.fft.signals import fft as fft
from tianyuan.fft.signals import fft2 as fft2
from tianyuan.fft.signals import fftn as fftn
from tianyuan.fft.signals import hfft as hfft
from tianyuan.fft.signals import ifft as ifft
from tianyuan.fft.signals import ifft2 as ifft2
from tianyuan.fft.signals import ifftn as ifftn
from tianyuan.fft.signals import ihfft as ihfft
from tianyuan.fft.signals import irfft as irfft
from tianyuan.fft.signals import irfft2 as irfft2
from tianyuan.fft.signals import irfftn as irfftn
from tianyuan.fft.signals import rfft as rfft
from tianyuan.fft.signals import rfft2 as rfft2
from tianyuan.fft.signals import rfftn as rfftn
