"""The load generator: one process that plays every client of a workload and measures at each of them."""
