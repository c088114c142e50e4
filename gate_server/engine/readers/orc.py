"""ORC -> a table. The footer is checked against the limits before a stripe is decoded."""

from __future__ import annotations

from typing import IO

import pyarrow as pa
import pyarrow.dataset
import pyarrow.orc

from gate_server.engine.readers.decoding import BATCH_ROWS, collected, decoding, require_unique
from gate_server.engine.readers.failure import Allowance, ReadFailure

MAGIC = b"ORC"


def read_orc(file: IO[bytes], allowance: Allowance) -> pa.Table:
    """Return the file as a table.

    Raises
    ------
    ReadFailure
        No ORC, truncated, corrupt, over a limit.
    """
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC:
        raise ReadFailure("unreadable", "orc", "not ORC: it does not begin with ORC", offset_bytes=0)
    with decoding("ORC", "orc"):
        footer = pyarrow.orc.ORCFile(pa.PythonFile(file, mode="r"))
        allowance.check_columns(len(footer.schema))
        require_unique(footer.schema.names)
        # Only a dataset's fragment is read in batches; a stripe is as long as its writer liked.
        fragment = pyarrow.dataset.OrcFileFormat().make_fragment(pa.PythonFile(file, mode="r"))
        batches = fragment.to_batches(batch_size=BATCH_ROWS, use_threads=False, batch_readahead=0)
        table = collected(batches, footer.schema, allowance)
        if table.num_rows != footer.nrows:
            what = "corrupt ORC: its footer announces another number of rows"
            raise ReadFailure("unreadable", "orc", what)
        return table
