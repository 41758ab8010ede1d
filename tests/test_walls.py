"""The walls of the house: who may import what, who may print, how long a file may be, what may never be loaded."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "eeviz"
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES, MAX_LINES_OF_A_CONCEPT = 310, 500  # in core and nn a concept stays whole
SPEAKERS = {"__main__.py", "ui"}  # may print; commands of other modules (if __name__ == "__main__") too
WIDGETS = {"ipywidgets", "plotly", "anywidget"}
TORCH = {"torch", "torchvision", "fvcore", "safetensors"}
TORCH_IN_FUNCTIONS = {"nas", "hardware", "datasets", "catalogue.py"}
ROOF = "site"
"""Shows what all the others show: it may stand on the labs, and nothing stands on it."""
ROOMS = ("core", "datasets", "nn", "hardware", "nas", "labs", "ui")
"""In this order: none imports a later one. `launch`, `jobs` and `catalogue` stand beside them."""
FLOORS = ("page", "charts", "standalone", "explorer", "lab")
"""Of `ui`, in this order; the three labs stand on them, and none on another."""


def part(path: Path) -> str:
    """The room a file lies in: "core", "nn", "ui", ... or its own name at the top level."""
    return path.relative_to(PACKAGE).parts[0]


def imports(tree: ast.AST, inside_functions: bool = True) -> set[str]:
    """Top-level names of the absolute imports in `tree`; only those that run on import if not inside_functions."""
    found, todo = set(), [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module.split(".")[0])
        if inside_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            todo += ast.iter_child_nodes(node)
    return found


def module_of(path: Path, package: Path = PACKAGE) -> str:
    """Dotted name of a file of the package."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def only_for_types(tree: ast.AST) -> set[int]:
    """Nodes under `if TYPE_CHECKING`, which never run."""
    guards = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    return {id(inner) for guard in guards for inner in ast.walk(guard)}


def modules_imported(path: Path, package: Path = PACKAGE) -> set[str]:
    """Modules of the package that the file at `path` imports, inside functions too, relative imports resolved."""
    tree = ast.parse(path.read_text("utf-8"))
    known = {module_of(file, package) for file in package.rglob("*.py")}
    here = module_of(path, package).split(".")
    folder = here if path.name == "__init__.py" else here[:-1]
    found, unseen = set(), only_for_types(tree)
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1] if node.level else []
            full = ".".join([*base, *(node.module.split(".") if node.module else [])])
            found |= {f"{full}.{a.name}" if f"{full}.{a.name}" in known else full for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & known


def circles(package: Path = PACKAGE) -> list[list[str]]:
    """Modules that import one another in a loop: for each module on one, the shortest way back to itself."""
    arrows = {module_of(file, package): modules_imported(file, package) for file in package.rglob("*.py")}
    found = []
    for start in sorted(arrows):
        ways, seen = [[start]], set()
        while ways:
            way = ways.pop(0)
            if start in arrows[way[-1]] and (len(way) > 1 or start in arrows[start]):
                found.append(way)
                break
            for after in sorted(arrows[way[-1]] - seen - {way[-1]}):
                seen.add(after)
                ways.append([*way, after])
    return found


def own_imports(tree: ast.AST, path: Path) -> set[str]:
    """The rooms of eeviz that the file at `path` imports from."""
    return {name.split(".")[1] for name in modules_imported(path) if "." in name}


@pytest.fixture(params=FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def file(request):
    return request.param


@pytest.fixture
def tree(file):
    return ast.parse(file.read_text("utf-8"))


def test_core_imports_numpy_and_the_standard_library_only(file, tree):
    if part(file) != "core":
        return
    assert imports(tree) <= set(sys.stdlib_module_names) | {"numpy", "eeviz"}
    assert own_imports(tree, file) <= {"core"}


def test_torch_stays_in_nn(file, tree):
    if part(file) == "nn":
        return
    allowed_inside = TORCH if part(file) in TORCH_IN_FUNCTIONS else set()
    assert not imports(tree, inside_functions=False) & TORCH
    assert not imports(tree) & TORCH - allowed_inside


def test_widgets_and_charts_stay_in_ui(file, tree):
    if part(file) == "ui":
        return
    assert not imports(tree) & WIDGETS
    if file.name != "__main__.py":
        assert "ui" not in own_imports(tree, file)
    else:  # the commands reach pages that are written, none that needs a kernel
        screens = {name for name in modules_imported(file) if name.startswith("eeviz.ui")}
        assert {name.split(".")[2] for name in screens} <= {"standalone", ROOF}


def test_the_page_without_a_kernel_is_written_without_widgets():
    todo, seen = [module_of(file) for file in FILES if "standalone" in file.parts], set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        path = PACKAGE.parent.joinpath(*name.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        assert not imports(ast.parse(file.read_text("utf-8")), inside_functions=False) & WIDGETS, name
        if name.startswith("eeviz.ui"):
            todo += modules_imported(file)
    assert "eeviz.ui.charts.spec" in seen


def test_no_room_imports_a_later_one(file, tree):
    if part(file) in ROOMS:
        later = set(ROOMS[ROOMS.index(part(file)) + 1 :])
        assert not own_imports(tree, file) & later


def test_floors_of_the_screen(file):
    place = file.relative_to(PACKAGE).parts
    if place[0] == "ui" and len(place) > 2:
        reached = {name.split(".")[2] for name in modules_imported(file) if name.startswith("eeviz.ui.")}
        allowed = FLOORS[: FLOORS.index(place[1]) + 1] if place[1] in FLOORS else (*FLOORS, place[1])
        assert reached <= set(allowed) or place[1] == ROOF
        assert ROOF not in reached or place[1] == ROOF


def test_modules_form_no_circle():
    assert circles() == []


def test_a_planted_circle_is_found(tmp_path):
    house = tmp_path / "house"
    (house / "room").mkdir(parents=True)
    for name, text in {
        "__init__.py": "",
        "room/__init__.py": "",
        "room/a.py": "def late():\n    from .b import x\n",
        "room/b.py": "from ..c import y\n",
        "c.py": "import house.room.a\n",
        "d.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .e import z\n",
        "e.py": "from .d import z\n",
    }.items():
        (house / name).write_text(text)
    assert circles(house) == [
        ["house.c", "house.room.a", "house.room.b"],
        ["house.room.a", "house.room.b", "house.c"],
        ["house.room.b", "house.c", "house.room.a"],
    ]


def test_nothing_below_ui_prints(file, tree):
    if part(file) in SPEAKERS:
        return
    commands = [node for node in tree.body if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)]
    called_as_main = {
        call.func.id
        for command in commands
        for call in ast.walk(command)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    }
    silent = [
        node
        for node in tree.body
        if node not in commands and not (isinstance(node, ast.FunctionDef) and node.name in called_as_main)
    ]
    for node in (inner for top in silent for inner in ast.walk(top)):
        assert not (isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "sys.stdout.write"}), node.lineno


def test_files_are_short(file):
    lines = len(file.read_text("utf-8").splitlines())
    assert lines <= (MAX_LINES_OF_A_CONCEPT if part(file) in {"core", "nn"} else MAX_LINES), (
        f"{lines} lines: split it by its reasons to exist"
    )


def test_nothing_is_unpickled(file, tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword):
            value = getattr(node.value, "value", None)
            assert not (node.arg == "allow_pickle" and value is not False), node.value.lineno
            assert not (node.arg == "weights_only" and value is not True), node.value.lineno
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            keywords = {keyword.arg for keyword in node.keywords}
            assert called not in {"pickle.load", "pickle.loads", "eval", "exec"}, node.lineno
            assert called not in {"np.load", "numpy.load"} or "allow_pickle" in keywords, node.lineno
            assert called != "torch.load" or "weights_only" in keywords, node.lineno


def test_no_error_is_swallowed_silently(file, tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"}
            assert not (broad and all(isinstance(inner, ast.Pass) for inner in node.body)), node.lineno


def test_what_the_package_imports_is_declared(file, tree, root):
    """Third-party imports against pyproject.toml: for everyone on import, or with an extra inside functions and in nn."""
    import re
    import tomllib

    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]

    def names(requirements):
        return {re.match(r"[\w-]+", line).group().lower().replace("-", "_") for line in requirements}

    rename = {
        "scikit_learn": "sklearn",
        "zigzag_dse": "zigzag",
        "jupyterlab": "jupyterlab",
        "pillow": "PIL",
        "pyyaml": "yaml",
    }
    base = names(project["dependencies"]) | {"eeviz", "IPython", "traitlets"}  # both come with ipykernel and ipywidgets
    extras = {rename.get(name, name) for lines in project["optional-dependencies"].values() for name in names(lines)}
    known = set(sys.stdlib_module_names)
    if part(file) not in {"nn", "nas", "hardware"}:
        assert imports(tree, inside_functions=False) - known <= base | {"fcntl", "msvcrt"}
    assert imports(tree) - known <= base | extras | {"fcntl", "msvcrt"}


def test_docstrings_state_and_do_not_ask(tree):
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, holders) and (text := ast.get_docstring(node)):
            assert not text.split("\n")[0].rstrip().endswith("?"), text.split("\n")[0]
