"""Makes a repository with data and puts the gate before its main; twice changes nothing.

    python deploy/seed.py REPOSITORY STORAGE_NAMESPACE

By lakectl's settings, GATE_URL, GATE_API_TOKEN and GATE_PUBLIC_URL.
"""

import subprocess
import sys
from pathlib import Path

import lakefs
from lakefs.exceptions import ConflictException

DATA = Path(__file__).parents[1] / "examples" / "prefect" / "data" / "lakefs_test.csv"


def main(name: str, namespace: str) -> int:
    """Seed, and return the exit code of `gate install`."""
    repository = lakefs.Repository(name)
    try:
        repository.create(storage_namespace=namespace, default_branch="main")
        print(f"made {name} at {namespace}")
    except ConflictException:
        print(f"{name} is there")
    branch = repository.branch("main")
    if not branch.object(DATA.name).exists():
        branch.object(DATA.name).upload(DATA.read_bytes())
        branch.commit("The first data")
        print(f"put {DATA.name} on main")
    return subprocess.run(["gate", "install", f"lakefs://{name}/main"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
