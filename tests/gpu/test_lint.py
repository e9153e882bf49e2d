"""The lints find everything that could change a bit or end the process, and nothing else."""

import pytest

from tianyuan.errors import MachineError
from tianyuan_gpu.lint import lint_ir, lint_ptx
from tianyuan_gpu.ptx import ptx

GOOD_IR = [
    "%v1 = fadd float %a, %b",
    "%fast = call float @ty_exp_f32_1(float %contract)",
    "declare float @llvm.fma.f32(float, float, float)",
    "%v2 = call i32 @llvm.fptosi.sat.i32.f32(float %x)",
    "declare i32 @llvm.fptosi.sat.i32.f32(float)",
    "%v3 = fptrunc double %x to float ; fast",
    "declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()",
]
BAD_IR = [
    "%v1 = fadd fast float %a, %b",
    "%v1 = fmul contract float %a, %b",
    "%v1 = frem float %a, %b",
    "%v1 = fptosi float %a to i8",
    "%v1 = fptoui double %a to i64",
    "%v1 = atomicrmw fadd ptr %p, float %a monotonic",
    "declare float @llvm.exp2.f32(float)",
    "declare float @llvm.log.f32(float)",
    "declare float @llvm.pow.f32(float, float)",
    "declare float @llvm.fmuladd.f32(float, float, float)",
    "declare double @sin(double)",
]
GOOD_PTX = [
    "add.rn.f32 \t%r1, %r2, %r3;",
    "@%p1 bra \t$L__BB0_3;",
    "fma.rn.f64 %rd1, %rd2, %rd3, %rd4;",
    "ld.global.b32 \t%r5, [%rd11];",
    "{ .reg .b32 tmp; mov.b64 {%r1, tmp}, %rd1; }",
    "shfl.sync.down.b32 %r1|%p1, %r2, 8, 4127, -1;",
    "sqrt.rn.f32 %r1, %r2;",
]
BAD_PTX = [
    "add.f32 %r1, %r2, %r3;",
    "mul.f64 %rd1, %rd2, %rd3;",
    "fma.rn.ftz.f32 %r1, %r2, %r3, %r4;",
    "ex2.approx.f32 %r1, %r2;",
    "div.full.f32 %r1, %r2, %r3;",
    "@!%p1 rcp.approx.ftz.f32 %r1, %r2;",
    "{ .reg .b32 tmp; add.f32 tmp, %r1, %r2; }",
    "mad.f32 %r1, %r2, %r3, %r4;",
    "atom.global.add.f32 %r1, [%rd1], %r2;",
    ".extern .func (.param .b32 func_retval0) expf",
    "cvt.sat.f32.f32 %r1, %r2;",
    "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 %r1;",
]


@pytest.mark.parametrize("line", GOOD_IR)
def test_good_ir(line):
    """Lines that may stand."""
    assert [] == lint_ir(line)


@pytest.mark.parametrize("line", BAD_IR)
def test_bad_ir(line):
    """Lines that may not."""
    assert [line] == lint_ir(f"  {line}")


@pytest.mark.parametrize("line", GOOD_PTX)
def test_good_ptx(line):
    """Lines that may stand."""
    assert [] == lint_ptx(line)


@pytest.mark.parametrize("line", BAD_PTX)
def test_bad_ptx(line):
    """Lines that may not."""
    assert 1 == len(lint_ptx(f"\t{line}"))


def test_ptx_refuses():
    """An unknown target, IR that is wrong, and IR that would be approximated without a word."""
    with pytest.raises(MachineError, match="takes one of sm_80"):
        ptx("", "sm_50")
    with pytest.raises(MachineError, match="LLVM refuses"):
        ptx("define void @f() { ret i32 0 }")
    text = "declare float @llvm.exp2.f32(float)\ndefine float @f(float %x) {\n  ret float %x\n}"
    with pytest.raises(MachineError, match=r"1 lines that could change(.|\n)*llvm\.exp2"):
        ptx(text)
