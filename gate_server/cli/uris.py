"""lakeFS URIs, ``lakefs://repository/ref[/path]``, as command-line arguments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import click

_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9-]{2,62}")
SCHEME = "lakefs://"


@dataclass(frozen=True)
class LakeFSURI:
    """A ref of a repository. ``path`` is empty where the ref as a whole is meant."""

    repository: str
    ref: str
    path: str = ""

    def __str__(self) -> str:
        return f"{SCHEME}{self.repository}/{self.ref}" + (f"/{self.path}" if self.path else "")


def parse(text: str, *, with_path: bool = False) -> LakeFSURI:
    """Return the parts of a lakeFS URI.

    Raises
    ------
    ValueError
        Naming the part that is wrong.
    """
    if not text.startswith(SCHEME):
        raise ValueError(f"{text!r} does not start with {SCHEME}: give lakefs://REPOSITORY/BRANCH")
    repository, _, rest = text.removeprefix(SCHEME).partition("/")
    ref, slash, path = rest.partition("/")
    if not _REPOSITORY.fullmatch(repository):
        raise ValueError(
            f"{repository!r} is no repository's name (3 to 63 lower-case letters, digits and hyphens)"
        )
    if not ref:
        raise ValueError(f"{text!r} names no branch or commit: give lakefs://{repository}/main")
    if path and not with_path:
        raise ValueError(
            f"{text!r} names an object; here a branch is meant: lakefs://{repository}/{ref} "
            "(a branch's name holds no slash)"
        )
    if slash and not path and with_path:
        raise ValueError(f"{text!r} ends with a slash: name an object, or leave the slash out")
    return LakeFSURI(repository, ref, path)


def parse_repository(text: str) -> str:
    """Return the repository of ``lakefs://REPOSITORY``, whatever follows it; raises `ValueError`."""
    name = text.removeprefix(SCHEME).partition("/")[0]
    if not text.startswith(SCHEME) or not _REPOSITORY.fullmatch(name):
        raise ValueError(f"{text!r} names no repository: give lakefs://REPOSITORY")
    return name


class RepositoryType(click.ParamType[str]):
    """A click type for the URI of a repository."""

    name = "lakefs_repository"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Parse, or say what is wrong."""
        try:
            return parse_repository(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class URIType(click.ParamType[LakeFSURI]):
    """A click type for the URI of a branch, or of what lies on it."""

    name = "lakefs_uri"

    def __init__(self, *, with_path: bool = False) -> None:
        self._with_path = with_path

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> LakeFSURI:
        """Parse, or say what is wrong."""
        if isinstance(value, LakeFSURI):
            return value
        try:
            return parse(value, with_path=self._with_path)
        except ValueError as error:
            self.fail(str(error), param, ctx)


BRANCH = URIType()
OBJECT = URIType(with_path=True)
REPOSITORY = RepositoryType()
