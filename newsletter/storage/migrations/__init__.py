"""The steps that build the tables, forward only; ``newsletter.storage.schema`` runs them."""
