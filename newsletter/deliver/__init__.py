"""Rendered → mailbox: the message's bytes, what a reply means, and the transports (a relay, a Maildir)."""
