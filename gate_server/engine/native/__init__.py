"""The one pass: all expectations that need no Great Expectations to be computed, fused into one lazy query.

Great Expectations stays the judge: here its *metrics* are computed (counts, extremes, rows that fail), all of
them in one read of just the columns needed; its own expectation then says what they mean (`_validate`), so
that success, `mostly`, percentages and bounds are its own.

- `ask`: one expectation, ready to be compiled; `Compiled`, what it wants of the pass;
- `offered`: which expectations are compiled, and by what;
- `passing`: the pass;
- the rest: a module for each family of expectations.
"""
