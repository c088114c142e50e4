"""lakeFS's calls for tasks: with a timeout, clear failures, and whole listings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice, takewhile
from typing import Any

from gate_client.prefect.blocks import LakeFSCredentials
from gate_client.prefect.failures import LakeFSFailed, said_clearly

PAGE = 1000


class Calls:
    """The official SDK's generated calls: ``calls.branches.create_branch(...)``, by its name for each API.

    Each has the block's timeout (the SDK's own is none) and raises `LakeFSFailed`.
    """

    def __init__(self, credentials: LakeFSCredentials) -> None:
        self.credentials = credentials
        self.client: Any = credentials.get_client()

    def __getattr__(self, api: str) -> _Api:
        """Give an API of the SDK."""
        return _Api(getattr(self.client.sdk_client, f"{api}_api"), self.credentials)

    def exists(self, call: Callable[..., Any], *arguments: str) -> bool:
        """Whether a reading call finds something."""
        try:
            call(*arguments)
        except LakeFSFailed as error:
            if error.status == 404:
                return False
            raise
        return True

    def all(
        self, call: Callable[..., Any], *arguments: Any, limit: int | None = None, **more: Any
    ) -> list[Any]:
        """Return all results of a paged call, or the first `limit`."""
        page = PAGE if limit is None else min(PAGE, limit)
        return list(islice(self.each(call, *arguments, page_size=page, **more), limit))

    @staticmethod
    def each(call: Callable[..., Any], *arguments: Any, page_size: int = PAGE, **more: Any) -> Iterator[Any]:
        """Yield the results of a paged call; a page is asked for when it is needed."""
        after = ""
        while True:
            page = call(*arguments, after=after, amount=page_size, **more)
            yield from page.results
            if not page.pagination.has_more:
                return
            after = page.pagination.next_offset

    def line_since(self, repository: str, ref: str, since: datetime) -> Iterator[Any]:
        """Yield the commits of a ref's first-parent line since then, newest first.

        Not by the API's own ``since``: the SDK (1.88) writes its time zone as lakeFS does not read it.
        """
        line = self.each(self.refs.log_commits, repository, ref, first_parent=True)
        return takewhile(lambda commit: commit.creation_date >= since.timestamp(), line)


class _Api:
    def __init__(self, api: Any, credentials: LakeFSCredentials) -> None:
        self._api = api
        self._credentials = credentials

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._api, name)

        def clearly(*arguments: Any, **more: Any) -> Any:
            more.setdefault("_request_timeout", self._credentials.timeout_s)
            with said_clearly(self._credentials.endpoint):
                return call(*arguments, **more)

        return clearly
