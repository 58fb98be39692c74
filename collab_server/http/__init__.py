"""What the server answers over HTTP: health, metrics, the page. Knows no room and no journal."""

from collab_server.http.health import HealthPort, NotReady
from collab_server.http.routes import create_http_app

__all__ = ["HealthPort", "NotReady", "create_http_app"]
