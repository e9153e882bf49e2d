"""What must not be in the text of a kernel: anything that could round otherwise, or that ends the process.

Without fast-math flags LLVM writes ``.rn`` on all it rounds, which ptxas may not contract. Some intrinsics turn
into approximations without a word (exp2), some end the process in code generation (exp, log, sin, a call of
a function that is not there); a remainder of floats becomes division, truncation and fma. So both texts are
held to lists of what is known to be good.
"""

from __future__ import annotations

import re

_FLAGS = re.compile(r"\b(fast|contract|reassoc|afn|arcp|nnan|ninf|nsz)\b")
_INSTRUCTIONS = re.compile(
    r"\bfrem\b|\bfpto[su]i\b(?! *\.sat)(?!\.sat)|\batomicrmw f|\bcmpxchg\b|\bindirectbr\b|\binvoke\b"
)
_DECLARATION = re.compile(r"declare .*@([\w.$]+)\(")
_INTRINSICS = re.compile(
    r"llvm\.("
    r"(fma|fabs|sqrt|floor|ceil|trunc|rint|roundeven|copysign|minimum|maximum)\.f(32|64)"
    r"|(ctpop|ctlz|cttz|fshl|fshr|smin|smax|umin|umax|abs|bitreverse|bswap)\.i(8|16|32|64)"
    r"|fpto[su]i\.sat\.i(8|16|32|64)\.f(32|64)"
    r"|[su](add|sub|mul)\.with\.overflow\.i(32|64)"
    r"|mem(cpy|set)\.p0(\.p0)?\.i64"
    r"|nvvm\.read\.ptx\.sreg\.\w+\.x"
    r"|nvvm\.shfl\.sync\.(down|idx)\.i32"
    r")$"
)


def lint_ir(text: str) -> list[str]:
    """The lines of LLVM IR that a kernel may not have."""
    found: list[str] = []
    for line in text.splitlines():
        code = line.split(";")[0].strip()
        declared = _DECLARATION.match(code)
        if declared:
            if not _INTRINSICS.match(declared[1]):
                found.append(code)
        elif _FLAGS.search(_without_names(code)) or _INSTRUCTIONS.search(_without_names(code)):
            found.append(code)
    return found


def _without_names(code: str) -> str:
    """A line without the names of functions, values and labels."""
    return re.sub(r'[@%][\w.$]+|"[^"]*"', "", code)


_OPCODE = re.compile(r"(?:@!?%\w+\s+)?([a-z][\w.:]*)")
_GOOD = re.compile(
    r"ld\.|st\.|mov\.|cvta\.|bra|ret|call|exit|"
    r"(add|sub|mul|fma|div)\.rn\.f(32|64)$|(add|sub|mul|fma)\.rn\.f32x2$|(sqrt|rcp)\.rn\.f(32|64)$|"
    r"(neg|abs)\.(f32|f64|s16|s32|s64)$|(min|max)\.(NaN\.)?(f32|s16|s32|s64|u16|u32|u64)$|(min|max)\.f64$|copysign\.f(32|64)$|"
    r"(add|sub)\.(s|u|cc\.s|cc\.u)(16|32|64)$|addc?\.cc\.\w+$|addc\.\w+$|mul\.(lo|hi|wide)\.(s|u)(16|32|64)$|mad\.(lo|hi|wide)\.(s|u)(16|32|64)$|"
    r"(div|rem)\.(s|u)(16|32|64)$|"
    r"(and|or|xor|not)\.(b16|b32|b64|pred)$|(shl|shr)\.(b|s|u)(16|32|64)$|shf\.[lr]\.(wrap|clamp)\.b32$|"
    r"(bfe|bfi|bfind|brev|prmt|popc|clz|szext|lop3)\.|setp\.|selp\.|set\.|"
    r"cvt\.|shfl\.sync\.(down|idx)\.b32$|bar\.warp\.sync$"
)
_BAD = re.compile(r"\.(approx|ftz|full)\b|\.sat\.f")


def lint_ptx(text: str) -> list[str]:
    """The lines of PTX that a kernel may not have, and declarations of functions that it does not define."""
    found: list[str] = []
    for line in text.splitlines():
        code = line.split("//")[0].strip()
        if ".extern" in code or any(not _is_good(s) for s in _statements(code)):
            found.append(code)
    return found


def _statements(code: str) -> list[str]:
    """The instructions of a line; labels and directives are none."""
    parts = (part.strip().removeprefix("{").strip() for part in code.split(";"))
    return [p for p in parts if _OPCODE.match(p) and not p.endswith(":")]


def _is_good(statement: str) -> bool:
    opcode = _OPCODE.match(statement)
    assert opcode is not None
    return bool(_GOOD.match(opcode[1])) and not _BAD.search(opcode[1])
