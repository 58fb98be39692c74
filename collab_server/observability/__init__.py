"""What the server tells the people who run it: log lines, the names of events, metrics.

Used by `runtime`, `gateway`, `http`, `app` and `server`; never by `protocol`, `updates` or `rooms`.
"""

from collab_server.observability.events import Event
from collab_server.observability.log import Logger, get_logger
from collab_server.observability.metrics import ClientClose, Metrics

__all__ = ["ClientClose", "Event", "Logger", "Metrics", "get_logger"]
