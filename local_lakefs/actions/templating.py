"""``{{ ENV.X }}`` in what hooks are given: values from the server's environment, behind a prefix."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_lakefs.actions.model import InvalidAction

WEBHOOK_PREFIX = "LAKEFSACTION_"
# lakeFS filters the args of Lua hooks by its wider prefix for settings (pkg/actions/lua.go, NewLuaHook).
LUA_PREFIX = "LAKEFS"
_REFERENCE = re.compile(r"{{ ?ENV\..*? ?}}")


@dataclass(frozen=True)
class SecureText:
    """A value for the wire, and what a log may show of it."""

    value: str
    secret: bool = False

    @property
    def shown(self) -> str:
        """The value, or stars when it came from the environment."""
        return "*******" if self.secret else self.value


@dataclass(frozen=True)
class Environment:
    """The variables that a hook may name. One without the prefix reads as empty, as in lakeFS."""

    variables: Mapping[str, str]
    prefix: str

    def fill(self, text: str) -> SecureText:
        """Replace the references in `text`; raises InvalidAction when a variable is not set."""

        def value(found: re.Match[str]) -> str:
            name = found.group().strip("{} ").partition(".")[2]
            if not name.startswith(self.prefix):
                return ""
            if name not in self.variables:
                raise InvalidAction(f"{name} not found: missing env var")
            return self.variables[name]

        filled, count = _REFERENCE.subn(value, text)
        return SecureText(filled, secret=count > 0)

    def fill_all(self, value: Any) -> Any:
        """Replace the references in every text within `value`."""
        if isinstance(value, dict):
            return {key: self.fill_all(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill_all(item) for item in value]
        return self.fill(value).value if isinstance(value, str) else value
