"""The nouns of the product: frozen values that the stages hand to each other, a file for each noun.

Standard library only. Times are aware UTC and end in ``_at``; calendar dates end in ``_on``.
What the words mean is in docs/architecture.md; each value says who makes it.
"""
