"""What Alembic runs: the migrations on the connection that ``schema`` hands over, in its transaction.

Batch mode: SQLite cannot change a constraint, so a migration there rebuilds the table.
"""

from alembic import context

from newsletter.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
