"""The two blocks: lakeFS's keys, and the gate's token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr

from gate_client.client import AsyncGateClient, GateClient
from gate_client.errors import NotFound
from gate_client.lakefs import LakeFS

if TYPE_CHECKING:
    from lakefs import Client

B = TypeVar("B", bound=Block)

_API = "/api/v1"


class LakeFSCredentials(Block):
    """A lakeFS, and the keys to it.

    Example:
        Load the stored block and use the official client:
        ```python
        from gate_client.prefect import LakeFSCredentials

        credentials = LakeFSCredentials.load("BLOCK_NAME")
        client = credentials.get_client()
        ```
    """

    _block_type_name: ClassVar[str] = "lakeFS Credentials"
    _block_type_slug: ClassVar[str] = "lakefs-credentials"  # as prefect-lakefs: its stored blocks load
    _logo_url: ClassVar[HttpUrl] = HttpUrl("https://avatars.githubusercontent.com/u/66106593?s=200")
    _documentation_url: ClassVar[HttpUrl] = HttpUrl("https://docs.lakefs.io/latest/security/access-keys/")

    endpoint_url: str = Field(
        default="http://127.0.0.1:8000",
        title="Endpoint",
        description="lakeFS's address as the flow reaches it, with or without /api/v1.",
    )
    access_key_id: str = Field(
        default=..., title="Access key id", description="The access key's id, such as AKIA...."
    )
    secret_access_key: SecretStr = Field(
        default=..., title="Secret access key", description="The access key's secret."
    )
    ui_url: str = Field(
        default="",
        title="Address for people",
        description="Where people open lakeFS in a browser, when that is not the endpoint.",
    )
    timeout_s: float = Field(
        default=60.0, gt=0, title="Timeout", description="How many seconds one call to lakeFS may take."
    )

    @property
    def endpoint(self) -> str:
        """lakeFS's address without ``/api/v1``: the SDK takes only this form when it is given keys (K1)."""
        return self.endpoint_url.strip().rstrip("/").removesuffix(_API)

    @property
    def ui(self) -> str:
        """Where people open lakeFS."""
        return self.ui_url.strip().rstrip("/") or self.endpoint

    def get_client(self) -> Client:
        """Return the official client, which holds the keys: do not return it from a task."""
        from lakefs import Client

        make: Any = Client  # untyped
        client: Client = make(
            host=self.endpoint,
            username=self.access_key_id,
            password=self.secret_access_key.get_secret_value(),
        )
        return client

    def connect(self) -> LakeFS:
        """Return the gate's own light client of lakeFS; close it, or use it in a ``with``."""
        return LakeFS(
            self.endpoint,
            self.access_key_id,
            self.secret_access_key.get_secret_value(),
            timeout_s=self.timeout_s,
        )

    def spark_settings(self, repository: str) -> dict[str, str]:
        """Return the settings by which Spark finds a repository under ``s3a://REPOSITORY/REF/``.

        They hold for this bucket alone: how Spark reads other stores is as it was. Hadoop's S3A has to be
        among the cluster's libraries. Spark hides the keys in its pages and logs (``spark.redaction.regex``).
        https://hadoop.apache.org/docs/stable/hadoop-aws/tools/hadoop-aws/index.html
        """
        settings = {
            "endpoint": self.endpoint,
            "endpoint.region": "us-east-1",  # lakeFS takes any, S3A asks AWS where none is given
            "path.style.access": "true",
            "aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
            "access.key": self.access_key_id,
            "secret.key": self.secret_access_key.get_secret_value(),
        }
        return {f"spark.hadoop.fs.s3a.bucket.{repository}.{name}": value for name, value in settings.items()}


class GateCredentials(Block):
    """The gate before lakeFS's branches, and a token of `gate tokens create`.

    Example:
        Load the stored block and ask the gate:
        ```python
        from gate_client.prefect import GateCredentials

        credentials = GateCredentials.load("BLOCK_NAME")
        with credentials.get_client() as gate:
            print(gate.health())
        ```
    """

    _block_type_name: ClassVar[str] = "lakeFS Gate Credentials"
    _block_type_slug: ClassVar[str] = "lakefs-gate-credentials"
    _logo_url: ClassVar[HttpUrl] = LakeFSCredentials._logo_url
    _documentation_url: ClassVar[HttpUrl] = HttpUrl("https://docs.lakefs.io/latest/howto/hooks/")

    url: str = Field(default="http://127.0.0.1:8090", title="Address", description="The gate's address.")
    token: SecretStr = Field(
        default=...,
        title="Token",
        description="A token with the role checker, reverter for reverts, or worker for run_check.",
    )

    def get_client(self) -> GateClient:
        """Return a client of the gate; close it, or use it in a ``with``."""
        return GateClient(self.url, self.token.get_secret_value())

    def get_async_client(self) -> AsyncGateClient:
        """Return a client of the gate whose methods are awaited."""
        return AsyncGateClient(self.url, self.token.get_secret_value())


def loaded(kind: type[B], block: B | str) -> B:
    """Return a block, loaded where only its name is given.

    Raises
    ------
    NotFound
        When no such block is stored.
    """
    if not isinstance(block, str):
        return block
    try:
        found: Any = kind.load(block, _sync=True)  # type: ignore[call-arg]
    except ValueError as error:
        raise NotFound(
            f"Prefect has no {kind.__name__} block {block!r}",
            f'`prefect block register -m gate_client.prefect`, then {kind.__name__}(...).save("{block}")',
        ) from error
    if not isinstance(found, kind):
        raise NotFound(f"Prefect's block {block!r} is no {kind.__name__}", "give the name of one that is")
    return found
