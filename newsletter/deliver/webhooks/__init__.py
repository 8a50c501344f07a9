"""What mail providers tell by webhook: a file for each, from the bytes of a request to events. Pure.

Each has ``check``, which says whether the provider has sent these bytes, and ``parse``, which says what they tell. What
follows from an event is decided where it is decided for reports that come as mail.
"""
