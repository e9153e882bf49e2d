"""The direction of imports: ``tianyuan <- tianyuan_jit <- tianyuan_gpu``, and inside ``tianyuan`` only down its floors.

The order is one list. A module may import floors below its own (or, where a floor is a package or says so,
its neighbours on it); no import hides in a function, except the documented lazy ones.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FLOORS = [
    ["sources", "errors", "types", "tree", "settings"],
    ["lowering", "cases"],
    ["core", "array"],
    ["program", "parser"],
    ["machine", "eager", "passes"],
    ["prims.linear", "prims.conversion", "prims.creation", "prims.keys"],
    ["prims.pointwise"],
    [
        "prims.contraction",
        "prims.convolution",
        "prims.reduction",
        "prims.cumulation",
        "prims.windowing",
        "prims.sorting",
        "prims.random",
        "prims.scattering",
    ],
    ["transforms"],
    ["control", "custom_calls", "custom_rules", "callbacks", "collectives", "keys_in_use", "composing"],
    ["functions", "indexing", "linalg", "decompositions", "fft", "special", "random", "printing", "digest"],
    ["compiling", "retracing", "saving"],
    ["nn", "optim", "data", "record", "testing", "aliases", "lax", "cli"],
]
LEVEL = {name: i for i, floor in enumerate(FLOORS) for name in floor}
SEEN_BY_JIT = 3  # the machines see types, lowerings and Programs, never a transformation
LAZY = {  # documented lazy imports: (file, what) - optional extras and machines by name
    "tianyuan/machine.py",
    "tianyuan/__init__.py",
}

FILES = sorted(
    p.relative_to(ROOT)
    for folder in ("tianyuan", "jit/tianyuan_jit", "gpu/tianyuan_gpu")
    for p in (ROOT / folder).rglob("*.py")
)


def floor_of(module: str) -> int | None:
    """The floor of ``tianyuan.x.y``; None for the package itself."""
    parts = module.split(".")[1:]
    for length in (2, 1):
        if ".".join(parts[:length]) in LEVEL:
            return LEVEL[".".join(parts[:length])]
    return None


def imports(tree: ast.AST) -> list[tuple[str, int]]:
    """Every imported module with its line; ``from a import b`` counts as ``a`` and as ``a.b``."""
    found: list[tuple[str, int]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_go_down(path: Path) -> None:
    """No module imports a floor above its own, and no machine sees a transformation."""
    source = (ROOT / path).read_text()
    module = ".".join(path.with_suffix("").parts).removeprefix("jit.").removeprefix("gpu.")
    package = module.split(".")[0]
    wrong = []
    for name, line in imports(ast.parse(source)):
        top = name.split(".")[0]
        if package == "tianyuan":
            if top in ("tianyuan_jit", "tianyuan_gpu", "llvmlite", "cuda"):
                wrong.append(f"{path}:{line} imports {name}")
            own, other = floor_of(module), floor_of(name) if top == "tianyuan" else None
            if own is not None and other is not None and other > own:
                wrong.append(f"{path}:{line} climbs from floor {own} to {name} on floor {other}")
        elif top == "tianyuan" and (floor_of(name) or 0) > SEEN_BY_JIT and name != "tianyuan.machine":
            wrong.append(f"{path}:{line}: a machine sees {name}")
        elif package == "tianyuan_jit" and top == "tianyuan_gpu":
            wrong.append(f"{path}:{line} imports {name}")

    assert wrong == []


@pytest.mark.parametrize("path", FILES, ids=str)
def test_no_import_hides_in_a_function(path: Path) -> None:
    """Imports stand at the top, except the documented lazy ones."""
    if str(path) in LAZY:
        pytest.skip("documented lazy imports")
    tree = ast.parse((ROOT / path).read_text())
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    hidden = [f"{path}:{line} {name}" for f in functions for name, line in imports(f)]

    assert hidden == []


def test_every_module_of_tianyuan_has_a_floor() -> None:
    """A new module must be put into the list."""
    modules = [".".join(p.with_suffix("").parts) for p in FILES if p.parts[0] == "tianyuan"]
    packages = ("tianyuan.__init__", "tianyuan.prims.__init__", "tianyuan.__main__")
    homeless = [m for m in modules if floor_of(m) is None and m not in packages]

    assert homeless == []
