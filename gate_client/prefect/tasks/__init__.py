"""Tasks, a module for each noun of lakeFS's API. `gate_client.prefect` gives them all by name."""
