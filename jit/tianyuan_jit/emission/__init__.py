"""Kernels to LLVM text: one file for each kind of lowering."""
