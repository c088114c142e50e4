"""YAML whose numbers are what they look like: digits that would be lost are refused, as in a suite's JSON."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, RoundTripConstructor
from ruamel.yaml.nodes import ScalarNode


class _Exact(RoundTripConstructor):
    def construct_yaml_float(self, node: ScalarNode) -> Any:
        number = super().construct_yaml_float(node)
        try:
            is_kept = math.isfinite(number) and Decimal(node.value) == Decimal(repr(float(number)))
        except InvalidOperation:
            is_kept = False
        if not is_kept:  # a bound of 1.09999999999999999 is no 1.1
            said = f"the number {node.value} cannot be kept exactly"
            raise ConstructorError(None, None, said, node.start_mark)
        return number


_Exact.add_constructor("tag:yaml.org,2002:float", _Exact.construct_yaml_float)


def exact_yaml() -> YAML:
    """Return a reader that keeps lines; its `load` raises `MarkedYAMLError` at a number that is not kept."""
    yaml = YAML(typ="rt")
    yaml.Constructor = _Exact
    return yaml
