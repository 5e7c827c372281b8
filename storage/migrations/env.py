"""Alembic's way in: migrations run on the connection, and in the transaction, that `storage.migrations` hands over."""

from alembic import context

import storage.schema.audit
import storage.schema.calls
import storage.schema.deliveries
import storage.schema.execution
import storage.schema.feeds
import storage.schema.fix
import storage.schema.people
import storage.schema.requests
import storage.schema.venues
import storage.schema.webhooks  # noqa: F401  (these add their tables)
from storage.migrations import PROVIDED
from storage.schema.tables import metadata

connection = context.config.attributes.get(PROVIDED)
if connection is None:
    raise RuntimeError("run migrations with: python -m storage.migrations")

context.configure(connection=connection, target_metadata=metadata, include_schemas=True)
with context.begin_transaction():
    context.run_migrations()
