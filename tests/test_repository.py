"""The files around the package: pins, Binder, the wheel, the commands."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata

import pytest
from packaging.requirements import Requirement

PIN = re.compile(r"([a-z0-9-]+)==(\S+)")
LOCAL = re.compile(r"^\s*(-r|-e|-c|\.|/|file:|--requirement|--editable)", re.MULTILINE)


def pins(path):
    """{normalised name: version} of the lines of a requirements file; fails on anything that is not an exact pin."""
    found = {}
    for line in path.read_text("utf-8").splitlines():
        if line and not line.startswith(("#", "--extra-index-url ")):
            name, version = PIN.fullmatch(line).groups()
            found[name] = version
    return found


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(requirements):
    """Everything that `requirements` (texts) need here, themselves included, as the installed packages say."""
    todo, seen = [(Requirement(text), "") for text in requirements], {}
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = normal(requirement.name)
        wanted = {"", *requirement.extras} - seen.setdefault(name, set())
        seen[name] |= wanted
        if name != "eeviz":
            lines = metadata.requires(name) or []
            todo += [(Requirement(line), extra) for line in lines for extra in wanted]
    return set(seen) - {"eeviz"}


@pytest.fixture(scope="session")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]


def declared(project, *extras):
    lines = list(project["dependencies"])
    for extra in extras:
        for line in project["optional-dependencies"][extra]:
            inner = re.fullmatch(r"eeviz\[(.+)\]", line)
            lines += declared(project, *inner.group(1).split(",")) if inner else [line]
    return lines


def test_requirements_pin_everything_that_is_declared_and_what_it_needs(root, project):
    pinned = pins(root / "requirements.txt")
    for line in declared(project, "test"):
        requirement = Requirement(line)
        assert requirement.specifier.contains(pinned[normal(requirement.name)]), line
    # PyTorch's GPU libraries differ by platform and are left to its own pins.
    missing = {
        name for name in closure(declared(project, "test")) - set(pinned) if not name.startswith(("nvidia", "cuda"))
    }
    assert missing - {"triton"} == set()


def test_binder_is_complete_and_agrees_with_requirements(root, project):
    binder, everything = pins(root / "binder" / "requirements.txt"), pins(root / "requirements.txt")
    assert binder.items() <= everything.items()
    needed = {name for name in closure(declared(project, "all")) if not name.startswith(("nvidia", "cuda"))}
    assert needed - {"triton"} <= set(binder)
    assert "hatchling" in binder  # postBuild builds without isolation


def test_binder_names_the_cpu_build_first_and_nothing_local(root):
    text = (root / "binder" / "requirements.txt").read_text("utf-8")
    assert text.splitlines()[:2] == ["--extra-index-url https://download.pytorch.org/whl/cpu", "torch==2.13.0"]
    assert not LOCAL.search(text)
    assert (root / "binder" / "runtime.txt").read_text("utf-8").strip() == "python-3.11"


@pytest.mark.parametrize("name", ["binder/postBuild", "binder/start", ".ci/run"])
def test_scripts_are_executable_and_sound(root, name):
    path = root / name
    assert os.access(path, os.X_OK)
    assert path.read_text("utf-8").startswith("#!")
    subprocess.run(["bash", "-n", str(path)], check=True)


def test_binder_stops_at_the_first_error_and_hands_over(root):
    post_build, start = ((root / "binder" / name).read_text("utf-8") for name in ("postBuild", "start"))
    assert "\nset -e\n" in post_build
    assert "pip install --no-deps" in post_build
    assert start.rstrip().endswith('exec "$@"')


def test_the_wheel_carries_what_runs_outside_a_checkout(root, tmp_path):
    build = "from hatchling.build import build_wheel; import sys; print(build_wheel(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    static = [path for path in (root / "eeviz" / "ui").rglob("*") if path.suffix in {".js", ".css"}]
    assert static
    expected = [path.relative_to(root).as_posix() for path in static]
    expected += [f"eeviz/_notebooks/{path.name}" for path in (root / "notebooks").glob("*.ipynb")]
    expected += ["eeviz/_notebooks/voila.json", "eeviz/_data/manifest.json", "eeviz/py.typed"]
    assert set(expected) <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


def test_python_m_eeviz_explains_itself(root):
    done = subprocess.run([sys.executable, "-m", "eeviz"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("run", "lab", "test", "install", "status"))
    wrong = subprocess.run(
        [sys.executable, "-m", "eeviz", "run", "--prot", "1"], cwd=root, capture_output=True, text=True
    )
    assert wrong.returncode == 2
    assert "--prot" in wrong.stderr


def test_make_says_when_no_python_fits(root, tmp_path):
    done = subprocess.run(["make", "run", "PYTHON="], cwd=root, capture_output=True, text=True)
    assert done.returncode == 2
    assert "eeviz needs Python 3.11 to 3.14 and found none" in done.stderr
