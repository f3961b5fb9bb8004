"""Settings read from where they are written."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strowger.settings.check import check
from strowger.settings.decode import Decoder
from strowger.settings.overlay import Document, Environment, merge
from strowger.settings.problem import Problem, SettingsError
from strowger.settings.rows import Settings
from strowger.settings.where import Where


def load(path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any]) -> Settings:
    """The settings of the file at `path`, under those of `environ`, under `overrides`, which has the shape of the file.

    Relative paths begin at the directory of the file, or at the working directory without one. Raises SettingsError,
    which holds everything that is wrong.
    """
    document = {} if path is None else _read(path)
    directory = Path.cwd() if path is None else path.parent.absolute()
    return settle(document, Where(environ, directory), overrides)


def settle(document: Document, where: Where, overrides: Mapping[str, Any]) -> Settings:
    """`load` for a document that was read already; it is not changed."""
    document = copy.deepcopy(document)
    environment = Environment(where.environ)
    environment.lay(document)
    merge(document, overrides)
    _imply_files(document)
    decoder = Decoder(where)
    settings = decoder.settings(document)
    problems = [environment.source(problem) for problem in (*decoder.problems, *check(settings))]
    if environment.problems or problems:
        raise SettingsError([*environment.problems, *problems])
    return settings


def _read(path: Path) -> Document:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        problem = Problem(
            "$", f"{path} cannot be read: {error.strerror}", "name a file that exists and that you may read"
        )
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problem = Problem("$", f"{path} is not TOML: {error}", "texts stand in quotes, tables in brackets")
    raise SettingsError([problem])


def _imply_files(document: Document) -> None:
    """Who gives a certificate means it."""
    tls = document.get("tls")
    if isinstance(tls, dict) and "mode" not in tls and (tls.get("cert") or tls.get("key")):
        tls["mode"] = "files"
