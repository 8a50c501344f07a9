"""Mails that come back, as a test writes them."""

from __future__ import annotations


def make_delivery_report(
    *fields: str, text: str = "This is the mail system. Your message could not be delivered."
) -> bytes:
    """A report of RFC 3464 about one recipient."""
    status = "\n".join(fields)
    return (
        "From: Mail Delivery System <mailer-daemon@mx.example.org>\n"
        "To: bounces+token@news.example.org\n"
        "Subject: Undelivered Mail Returned to Sender\n"
        "Auto-Submitted: auto-replied\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n'
        f"\n--b\nContent-Type: text/plain\n\n{text}\n"
        f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n{status}\n"
        "--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <original@news.example.org>\nSubject: Papers\n"
        "--b--\n"
    ).encode()


def make_mail(*headers: str, text: str = "") -> bytes:
    return ("\n".join(headers) + f"\n\n{text}\n").encode()
