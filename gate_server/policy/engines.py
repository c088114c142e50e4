"""Rules whose data is counted on a cluster: what such a rule needs."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from gate_server.model import Rule


def wrong_engine(rule: Rule) -> Iterable[str]:
    """Yield what is wrong with a rule's engine."""
    if rule.engine != "spark" or not rule.suite:
        return
    if rule.format.type != "parquet":
        yield f"`engine: spark` reads parquet, not {rule.format.type}: leave it out, or write Parquet"
    if rule.format.partitions:
        yield "`engine: spark` reads no columns that folders give: leave format.partitions out"
    if rule.linked == "allow":
        yield "`engine: spark` compares no checksums, which objects that are linked need: `linked: fail`"
    if rule.runs == "here" and find_spec("pyspark") is None:
        yield "`engine: spark` needs a library that is not installed: pip install 'lakefs-gate[spark]'"
