"""What is HTML whoever shows it: the environment with its filters, parts of pages, and the auditor's report.

Not called `html`: Python's own module is, and would be hidden where the project's folder comes first in the path.
"""
