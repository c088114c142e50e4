"""What lakeFS calls graveler: repositories, branches, commits, merges over the stored ranges."""
