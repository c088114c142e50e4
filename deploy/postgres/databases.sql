-- Run by the image once, in an empty volume: lakeFS and Prefect keep theirs beside the gate's.
CREATE DATABASE lakefs;
CREATE DATABASE prefect;
\connect prefect
CREATE EXTENSION IF NOT EXISTS pg_trgm;
