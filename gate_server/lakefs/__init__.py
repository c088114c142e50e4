"""The only room that talks to lakeFS: events, candidates, changes, objects, branches."""
