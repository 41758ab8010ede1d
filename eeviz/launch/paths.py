"""Where the repository's own files are: beside the package in a checkout, inside it once installed from a wheel."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def checkout() -> Path | None:
    """The root of the checkout this package runs from; None for an installed wheel."""
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "requirements.txt").is_file() else None


def data() -> Path:
    """The folder of committed data and its manifest.json."""
    root = checkout()
    return root / "data" if root else PACKAGE / "_data"


def notebooks() -> Path:
    """The folder of the dashboards."""
    root = checkout()
    return root / "notebooks" if root else PACKAGE / "_notebooks"
