"""The API, `/api/v1`: one file a resource, an application of its own inside the console's.

It differs from the pages in how it refuses (RFC 9457 problems), and in that every write has a key of its own and every
decision names what it is about by its digest. What is read and done is the same.
"""
