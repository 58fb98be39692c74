"""A room as a pure state machine: what is accepted, what is sent to whom, what has to be saved.

No socket, clock, task or log: time is an argument, bytes come and go as values. `runtime` surrounds it.
"""
