"""Platforms written by hand as YAML: the same entries as in JSON."""

from __future__ import annotations

import re
from pathlib import Path

from ..core.platform.platform import Platform
from ..launch.packages import require

SUFFIXES = (".yaml", ".yml")


def read(text: str):
    """The plain values of a YAML document, 1e6 and 12.5e6 being numbers as in YAML 1.2. Raises ValueError in words."""
    require("pyyaml", for_="reading a platform in YAML")
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    # PyYAML follows YAML 1.1, where an exponent without a sign makes a word
    number = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+0123456789"))
    try:
        return yaml.load(text, Loader=Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def save(platform: Platform, path) -> None:
    """Write YAML that `Platform.load` reads."""
    require("pyyaml", for_="writing a platform in YAML")
    import yaml

    text = yaml.safe_dump(platform.to_dict(), sort_keys=False, allow_unicode=True)
    Path(path).write_text(text, "utf-8")
