"""Tables, migrations, queries: what the gate remembers."""
