"""The ``if:`` of a hook: the part of lakeFS's expression language that hooks use."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\s*(?:(?P<word>[A-Za-z_]\w*)|(?P<operator>&&|\|\||==|!=|!|\(|\)))")

_VALUE = re.compile(r"""\s*(?!(?:true|false)\s*$)(?:[A-Za-z_]\w*(?<!not)|\d+(?:\.\d+)?|'[^']*'|"[^"]*")\s*""")


class ConditionError(Exception):
    """The condition cannot be evaluated: the hook counts as failed, and does not run."""


def should_run(condition: str, *, failed: bool) -> bool:
    """Evaluate a hook's condition.

    Offered are ``success()``, ``failure()``, ``true``, ``false``, ``and``, ``or``, ``not``, ``&&``, ``||``,
    ``!``, ``==``, ``!=`` and parentheses. lakeFS knows no ``always()``; ``true`` says that.

    Parameters
    ----------
    condition : str
        The text; an empty one means ``success()``.
    failed : bool
        Whether a hook before this one in the same action failed.

    Raises
    ------
    ConditionError
        It is no condition, or asks for more than is offered.
    """
    if not condition:
        return not failed
    if _VALUE.fullmatch(condition):
        raise ConditionError("hook 'if' expression should evaluate to a boolean")
    return _Parser(condition, failed).parse()


class _Parser:
    def __init__(self, text: str, failed: bool) -> None:
        self._functions = {"success": not failed, "failure": failed}
        self._text = text
        self._tokens: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if not found:
                raise ConditionError(
                    f"unexpected token {text[at:].strip()[:20]!r} in 'if' expression {text!r}"
                )
            self._tokens.append(found.group("word") or found.group("operator"))
            at = found.end()

    def parse(self) -> bool:
        value = self._either()
        if self._tokens:
            raise self._unexpected(self._tokens[0])
        return value

    def _either(self) -> bool:
        value = self._both()
        while self._accept("||", "or"):
            value = self._both() or value
        return value

    def _both(self) -> bool:
        value = self._equality()
        while self._accept("&&", "and"):
            value = self._equality() and value
        return value

    def _equality(self) -> bool:
        value = self._unary()
        while operator := self._accept("==", "!="):
            value = (value == self._unary()) == (operator == "==")
        return value

    def _unary(self) -> bool:
        return not self._unary() if self._accept("!", "not") else self._primary()

    def _primary(self) -> bool:
        if self._accept("("):
            value = self._either()
            self._expect(")")
            return value
        if word := self._accept("true", "false"):
            return word == "true"
        if word := self._accept("success", "failure"):
            self._expect("(")
            self._expect(")")
            return self._functions[word]
        raise self._unexpected(self._tokens[0] if self._tokens else "EOF")

    def _accept(self, *wanted: str) -> str:
        return self._tokens.pop(0) if self._tokens and self._tokens[0] in wanted else ""

    def _expect(self, wanted: str) -> None:
        if not self._accept(wanted):
            raise self._unexpected(self._tokens[0] if self._tokens else "EOF")

    def _unexpected(self, token: str) -> ConditionError:
        return ConditionError(f"unexpected token {token!r} in 'if' expression {self._text!r}")
