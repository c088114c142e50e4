"""Checks of rules with `runs: elsewhere`, judged on a work pool. Deployed by checks.yaml."""

from gate_client.prefect import run_check, run_waiting_checks

__all__ = ["run_check", "run_waiting_checks"]
