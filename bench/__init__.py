"""Benchmark of this server against its peers: same work, same run, one core each. See README.md."""
