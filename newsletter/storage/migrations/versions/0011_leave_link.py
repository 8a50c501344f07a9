"""A kind of mail: the leave link, to a reader who asked to leave in words of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_NAME = "ck_deliveries_kind"
_OLD = "'goodbye', 'alert'"
_NEW = "'goodbye', 'leave_link', 'alert'"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        # SQLite has no ALTER for a check; where only the check changes its documents say to do this
        # (sqlite.org/lang_altertable.html, section 7).
        op.execute("PRAGMA writable_schema=ON")
        op.execute(
            sa.text(
                "UPDATE sqlite_master SET sql = replace(sql, :old, :new) WHERE name = 'deliveries'"
            ).bindparams(old=_OLD, new=_NEW)
        )
        op.execute("PRAGMA writable_schema=RESET")
        return
    op.drop_constraint(op.f(_NAME), "deliveries")
    op.create_check_constraint(
        op.f(_NAME), "deliveries", f"kind IN ('digest', 'confirm', 'changed', {_NEW}, 'login')"
    )
