"""The walls of the house: who may import what, who may print, how long a file may be, what may never be loaded."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "eeviz"
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 310  # "about 300"
SPEAKERS = {"__main__.py", "ui"}  # may print; commands of other modules (if __name__ == "__main__") too
WIDGETS = {"ipywidgets", "plotly", "anywidget"}
TORCH = {"torch", "torchvision", "fvcore", "safetensors"}
TORCH_IN_FUNCTIONS = {"search", "hardware", "datasets", "demos.py"}


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


def own_imports(tree: ast.AST, path: Path) -> set[str]:
    """The rooms of eeviz that `tree`, the file at `path`, imports from, relative imports resolved."""
    here = ["eeviz", *path.relative_to(PACKAGE).with_suffix("").parts]
    rooms = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level] if node.level else []
            full = [*base, *(node.module.split(".") if node.module else [])]
            names = [[*full, alias.name] for alias in node.names] if full == ["eeviz"] else [full]
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        else:
            continue
        rooms |= {name[1] for name in names if name[0] == "eeviz" and len(name) > 1}
    return rooms


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
    assert "ui" not in own_imports(tree, file)


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
    assert lines <= MAX_LINES, f"{lines} lines: split it by its reasons to exist"


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
    if part(file) not in {"nn", "search", "hardware"}:
        assert imports(tree, inside_functions=False) - known <= base | {"fcntl", "msvcrt"}
    assert imports(tree) - known <= base | extras | {"fcntl", "msvcrt"}
