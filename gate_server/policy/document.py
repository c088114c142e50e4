"""A YAML document with the line of each of its values, and how what is wrong with it is told."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from gate_server.errors import ConfigError
from gate_server.policy.exact import exact_yaml

MOST_VALUES = 100_000


class PolicyErrors(ConfigError):
    """All that is wrong with a policy, a line each."""

    code = "policy"
    status = 422

    def __init__(self, findings: Sequence[str]) -> None:
        super().__init__(
            "\n".join(findings), "`gate suites lint` shows this list again once the files are changed"
        )
        self.findings = tuple(findings)


def parse(name: str, content: bytes) -> CommentedMap:
    """Return a document's mapping; raises `PolicyErrors`, naming it as `name`."""
    try:
        document = exact_yaml().load(io.BytesIO(content))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyErrors([f"{name}:{line}: {error.problem or 'is not YAML'}"]) from error
    except (YAMLError, UnicodeDecodeError, ValueError) as error:
        raise PolicyErrors([f"{name}:1: is not YAML: {type(error).__name__}"]) from error
    except RecursionError as error:
        raise PolicyErrors([f"{name}:1: is nested too deeply"]) from error
    if not isinstance(document, CommentedMap):
        raise PolicyErrors([f"{name}:1: a mapping with `version: 1` and `rules:` is needed"])
    if _values(document, {}) > MOST_VALUES:
        raise PolicyErrors([f"{name}:1: holds more than {MOST_VALUES:,} values, its aliases written out"])
    return document


def _values(node: Any, counted: dict[int, int]) -> int:
    """Return how many values `node` stands for; too many for one that holds itself."""
    if not isinstance(node, CommentedMap | CommentedSeq):
        return 1
    if id(node) not in counted:
        counted[id(node)] = MOST_VALUES + 1  # until it is counted
        inside = node.values() if isinstance(node, CommentedMap) else node
        counted[id(node)] = 1 + sum(_values(item, counted) for item in inside)
    return counted[id(node)]


def line_of(node: Any, key: Any) -> int:
    """Return the line of a key or an index of `node`."""
    position = node.lc.data.get(key) if hasattr(node, "lc") and node.lc.data else None
    return int(position[0]) + 1 if position else 1


def plain(node: Any) -> Any:
    """Return `node` as dicts and lists."""
    if isinstance(node, CommentedMap):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [plain(value) for value in node]
    return node
