"""The web UI: pages for readers and the operator, rendered on the server. Its own process; see docs/web.md."""

from newsletter.web.app import build_app
from newsletter.web.server import serve

__all__ = ["build_app", "serve"]
