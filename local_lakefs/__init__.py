"""An embedded server that speaks lakeFS's HTTP API and S3 gateway, for trying out, tests and offline work.

It copies the behaviour of lakeFS 1.84, checked against it; ``docs/local-lakefs.md`` lists each operation.
Known to differ:

- operations that are not offered answer 501 with their name (``operations.json`` against ``api.registry``);
  the API gives no pre-signed URLs;
- the S3 gateway takes signatures of version 4 only, and no two names of metadata that differ in ``-`` and
  ``_`` alone;
- any storage namespace is taken, also one that another repository used;
- actions and protection rules bite at once, lakeFS keeps old ones for some seconds;
- ``source_metarange`` must exist, lakeFS makes a broken commit of one that does not;
- messages about malformed requests end before the schema that lakeFS's go on with;
- the bytes of deleted objects and repositories are never removed.
"""
