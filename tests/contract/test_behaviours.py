"""Every fact about lakeFS that concerns an offered operation is held by a test."""

import ast
from pathlib import Path

OFFERED = {
    *(f"H{number}" for number in range(1, 13)),
    *(f"C{number}" for number in range(1, 9)),
    *(f"R{number}" for number in range(1, 11)),
    *("K1", "K2"),
}


def held() -> set[str]:
    """Return the ids in the `behaviour` markers of this folder's test functions."""
    found: set[str] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
                for decorator in function.decorator_list:
                    if (
                        isinstance(decorator, ast.Call)
                        and ast.unparse(decorator.func) == "pytest.mark.behaviour"
                    ):
                        found |= {ast.literal_eval(argument) for argument in decorator.args}
    return found


def test_each_offered_id_has_a_test() -> None:
    assert held() == OFFERED
