"""Physical addresses: where the bytes of an entry lie, and how lakeFS tells it.

On object stores an address of the repository's own data is the storage namespace with a relative path behind
it. lakeFS's local block store (namespaces ``local://...``) tells absolute paths of its directory instead, and
takes such a path back as an address that is not the repository's own: it tells it with the directory twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from local_lakefs.errors import BadRequest, Forbidden, LakeFSError

LOCAL = "local://"
DATA = "data/"


@dataclass(frozen=True)
class Namespace:
    """A repository's storage namespace.

    ``directory`` is the absolute path of the object files, ``external`` those of folders to import from.
    """

    uri: str
    directory: str
    external: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        return self.uri.startswith(LOCAL)

    @property
    def _prefix(self) -> str:
        return self.uri if self.uri.endswith("/") else f"{self.uri}/"

    def key(self, address: str, relative: bool) -> str:
        """Return the name under which the bytes are kept; raises Forbidden for paths outside.

        It does not contain the directory, which may be moved.
        """
        if relative:
            full = self._prefix + address
            return LOCAL + full.removeprefix(LOCAL).lstrip("/") if self.is_local else full
        if not self.is_local:
            return address
        inside = f"{LOCAL}{self.directory}/"
        if ".." in address.split("/"):
            raise Forbidden("forbidden")
        if any(f"{address}/".startswith(f"{LOCAL}{folder}/") for folder in self.external):
            return address
        if not address.startswith(inside):
            raise Forbidden("forbidden")
        return LOCAL + address.removeprefix(inside)

    def shown(self, address: str, relative: bool) -> str:
        """Return the address as lakeFS tells it."""
        if not self.is_local:
            return self.key(address, relative)
        path = self._prefix + address if relative else address
        return f"{LOCAL}{self.directory}/{path.removeprefix(LOCAL).lstrip('/')}"

    def own(self, address: str) -> tuple[str, bool]:
        """Split an address that a client gives: relative if it names the repository's own data."""
        data = self._prefix + DATA
        return (DATA + address.removeprefix(data), True) if address.startswith(data) else (address, False)

    def check_staged(self, address: str) -> None:
        """Refuse to stage an address of another kind of storage, or a path outside the local directory.

        Raises
        ------
        BadRequest, Forbidden, LakeFSError
        """
        scheme, separator, path = address.partition("://")
        if not separator:
            raise LakeFSError(f'could not parse URI: parse "{address}": invalid URI for request')
        kind = self.uri.partition("://")[0]
        if scheme != kind:
            raise BadRequest(f"physical address is not valid for block adapter: {kind}")
        if not self.is_local:
            return
        if not path.startswith("/"):
            raise LakeFSError("bad path traversal blocked")
        self.key(address, relative=False)
