"""LLVM IR to PTX by llvmlite, in this process: a target that LLVM does not know, or an intrinsic that it cannot
select, would end it, so targets come from a list and the text is linted before.
"""

from __future__ import annotations

import functools
from typing import Any

import llvmlite.binding  # pyright: ignore[reportMissingTypeStubs]

from tianyuan.errors import MachineError
from tianyuan_gpu.lint import lint_ir, lint_ptx

llvm: Any = llvmlite.binding  # it has no types

TARGETS = {
    "sm_80": "+ptx70",
    "sm_86": "+ptx71",
    "sm_89": "+ptx78",
    "sm_90": "+ptx78",
    "sm_100": "+ptx86",
    "sm_120": "+ptx87",
}
"""Architectures with the lowest version of PTX that has them: any driver new enough for the card loads it."""
_TRIPLE = "nvptx64-nvidia-cuda"


def ptx(text: str, architecture: str = "sm_80") -> str:
    """The PTX of a module of LLVM IR for one of ``TARGETS``, which newer cards run, too.

    Raises MachineError for an architecture that is not listed, for IR that LLVM refuses, and for anything in
    either text that could change a bit (``lint``).
    """
    if architecture not in TARGETS:
        raise MachineError(f"ptx: takes one of {', '.join(TARGETS)}, got {architecture!r}")
    _refuse("the kernel's IR", lint_ir(text))
    target = _target(architecture)
    try:
        module = llvm.parse_assembly(text, llvm.create_context())
        module.triple, module.data_layout = _TRIPLE, str(target.target_data)
        module.verify()
    except RuntimeError as error:
        raise MachineError(f"LLVM refuses the kernel: {error}") from None
    made: str = target.emit_assembly(module)
    _refuse("the kernel's PTX", lint_ptx(made))
    return made


def _refuse(what: str, lines: list[str]) -> None:
    if lines:
        shown = "\n  ".join(lines[:10])
        raise MachineError(f"{what} has {len(lines)} lines that could change a result or end the process:\n  {shown}")


@functools.cache
def _target(architecture: str) -> Any:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(_TRIPLE)
    return target.create_target_machine(cpu=architecture, features=TARGETS[architecture], opt=1)
