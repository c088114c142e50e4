"""Arrow's own format, as a file or as a stream -> a table."""

from __future__ import annotations

from typing import IO

import pyarrow as pa

from gate_server.engine.readers.decoding import collected, decoding, require_unique
from gate_server.engine.readers.failure import Allowance, ReadFailure

FILE_MAGIC = b"ARROW1"
_CONTINUATION = b"\xff\xff\xff\xff"
# Arrow's format takes a stream that just stops for one that ended: a cut between two batches.
_END = _CONTINUATION + bytes(4)


def read_arrow(file: IO[bytes], allowance: Allowance) -> pa.Table:
    """Return the file or stream as a table; dictionaries are decoded.

    Raises
    ------
    ReadFailure
        Not Arrow, truncated, corrupt, over a limit.
    """
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(len(FILE_MAGIC))
    as_file = head == FILE_MAGIC
    if not as_file and not head.startswith(_CONTINUATION):
        what = "not Arrow: it begins like neither a file nor a stream"
        raise ReadFailure("unreadable", "arrow", what, offset_bytes=0)
    end = FILE_MAGIC if as_file else _END
    file.seek(max(size - len(end), 0))
    if file.read() != end:
        what = "truncated Arrow: its end is missing"
        raise ReadFailure("unreadable", "arrow", what, offset_bytes=size)
    file.seek(0)
    source = pa.PythonFile(file, mode="r")
    options = pa.ipc.IpcReadOptions(use_threads=False)
    with decoding("Arrow", "arrow"):
        if as_file:
            reader = pa.ipc.open_file(source, options=options)
            batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
        else:
            reader = pa.ipc.open_stream(source, options=options)
            batches = iter(reader)
        allowance.check_columns(len(reader.schema))
        require_unique(reader.schema.names)
        if any(pa.types.is_run_end_encoded(kind) for kind in reader.schema.types):
            raise ReadFailure("error", "arrow", "run-end encoded columns are not read")
        table = collected(batches, reader.schema, allowance)
        if not as_file and file.tell() != size:
            raise ReadFailure(
                "unreadable", "arrow", "bytes after the end of the Arrow stream", offset_bytes=file.tell()
            )
        return table
