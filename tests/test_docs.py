"""What docstrings, README and type checkers are told is so: examples run, dotted names import, public names have types."""

import ast
import doctest
import importlib
import re
import subprocess
import sys

import numpy as np
import pytest

import eeviz

DOTTED = re.compile(r"(?<![\w./-])eeviz(?:\.[A-Za-z_]\w*)+")
SKIPPED = (
    "torch plotly ipywidgets anywidget numpy scipy sklearn pymoo onnx onnxruntime distributed zigzag fvcore traitlets"
)


@pytest.mark.parametrize("name", eeviz.__all__)
def test_every_public_name_has_an_example_that_runs(name, tmp_path, monkeypatch):
    """At most five lines of input, with `ee`, `np` and torch's `nn` at hand."""
    monkeypatch.chdir(tmp_path)  # where an example writes a file
    from torch import nn

    tests = doctest.DocTestFinder(recurse=False).find(
        getattr(eeviz, name), name, globs={"ee": eeviz, "np": np, "nn": nn}
    )
    (example,) = [test for test in tests if test.examples]
    assert sum(one.source.count("\n") for one in example.examples) <= 5
    told = []
    doctest.DocTestRunner().run(example, out=told.append)
    assert not told, "".join(told)


def texts(root):
    """Place -> text of everything that names modules to readers."""
    found = {name: (root / name).read_text("utf-8") for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")}
    found |= {f"benchmarks/{p.name}": p.read_text("utf-8") for p in (root / "benchmarks").glob("*.md")}
    found |= {f"notebooks/{p.name}": p.read_text("utf-8") for p in (root / "notebooks").glob("*.ipynb")}
    for path in [*(root / "eeviz").rglob("*.py"), *(root / "recipes").rglob("*.py")]:
        tree = ast.parse(path.read_text("utf-8"))
        strings = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        found[path.relative_to(root).as_posix()] = "\n".join(strings)
    return found


def reached(dotted: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(value, part):
                return False
            value = getattr(value, part)
        return True
    return False


def test_every_module_that_is_named_imports_as_written(root):
    named = {(place, dotted) for place, text in texts(root).items() for dotted in DOTTED.findall(text)}
    assert len(named) > 30
    assert sorted((place, dotted) for place, dotted in named if not reached(dotted)) == []


def test_type_checkers_know_the_public_names(root, tmp_path):
    pytest.importorskip("mypy")
    skipped = ",".join(f"{name}.*" for name in SKIPPED.split())
    ini = tmp_path / "mypy.ini"
    ini.write_text(
        f"[mypy]\nignore_missing_imports = True\nfollow_imports = silent\n[mypy-{skipped}]\nfollow_imports = skip\n"
    )
    use = tmp_path / "use.py"
    use.write_text("import eeviz as ee\n" + "".join(f"reveal_type(ee.{n})\n" for n in eeviz.__all__) + "ee.nonsense\n")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        str(ini),
        "--cache-dir",
        str(tmp_path / "cache"),
        str(use),
    ]
    told = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300).stdout
    revealed = re.findall(r'Revealed type is "(.*)"', told)
    assert len(revealed) == len(eeviz.__all__), told
    assert "Any" not in revealed
    assert 'Module has no attribute "nonsense"' in told
