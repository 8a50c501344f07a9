"""Rendered → mailbox: the message's bytes, what a reply means, and the ways out (a relay, a Maildir)."""
