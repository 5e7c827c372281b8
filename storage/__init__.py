"""PostgreSQL: tables, one repository a capability, migrations. The database is the record.

`connection.Books.transaction()` opens one transaction over all repositories; whatever it does is seen whole or not
at all, the audit records of its effects included.
"""
