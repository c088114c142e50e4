"""Makes the two blocks that the example flows load, and their work pool; twice changes nothing."""

import os
import subprocess
import sys

from gate_client.prefect import GateCredentials, LakeFSCredentials

PREFECT = [sys.executable, "-m", "prefect", "--no-prompt"]


def main() -> None:
    """Make them, of lakectl's settings, GATE_URL and GATE_API_TOKEN."""
    subprocess.run([*PREFECT, "block", "register", "-m", "gate_client.prefect"], check=True)
    here = os.environ
    LakeFSCredentials(
        endpoint_url=here["LAKECTL_SERVER_ENDPOINT_URL"],
        access_key_id=here["LAKECTL_CREDENTIALS_ACCESS_KEY_ID"],
        secret_access_key=here["LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"],
    ).save("lake", overwrite=True)
    GateCredentials(url=here["GATE_URL"], token=here["GATE_API_TOKEN"]).save("gate", overwrite=True)
    subprocess.run(
        [*PREFECT, "work-pool", "create", "lakefs", "--type", "process", "--overwrite"], check=True
    )


if __name__ == "__main__":
    main()
