"""`import eeviz` is quick and light, and the public names are there."""

import ast
import json
import subprocess
import sys

import pytest

import eeviz

HEAVY = ("torch", "plotly", "ipywidgets", "anywidget", "numpy")
REPORT = f"""
import json, sys, time
start = time.perf_counter()
import eeviz
print(json.dumps([time.perf_counter() - start, [name for name in {HEAVY} if name in sys.modules]]))
"""


def fresh(code: str, root) -> str:
    """What `code` prints in a new Python in the repository's root."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_quick_and_loads_nothing_heavy(root):
    runs = [json.loads(fresh(REPORT, root)) for _ in range(3)]
    assert runs[0][1] == []
    assert min(seconds for seconds, _ in runs) <= 0.5


def test_the_explorer_loads_no_torch(root):
    code = "import eeviz, sys; eeviz.explore, eeviz.front, eeviz.load_demo; print('torch' in sys.modules)"
    assert fresh(code, root).strip() == "False"


@pytest.mark.parametrize("name", eeviz.__all__)
def test_public_names_exist(name):
    value = getattr(eeviz, name)
    assert callable(value)
    assert value.__doc__
    assert value.__module__.startswith("eeviz.")
    assert name in dir(eeviz)


def test_no_module_has_the_name_of_a_public_function(root):
    modules = {path.stem for path in (root / "eeviz").iterdir() if path.suffix == ".py" or any(path.glob("*.py"))}
    assert not modules & set(eeviz.__all__)
    code = "import eeviz.nas.store, eeviz.catalogue, eeviz; print(callable(eeviz.search), callable(eeviz.demos))"
    assert fresh(code, root).split() == ["True", "True"]


def test_type_checkers_are_told_of_the_same_names(root):
    tree = ast.parse((root / "eeviz" / "__init__.py").read_text("utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    told = {a.asname: f"eeviz.{node.module}" for node in block.body for a in node.names}
    assert told == eeviz._HOME


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(AttributeError, match="public names are Cost, "):
        eeviz.explor  # noqa: B018
