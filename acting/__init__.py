"""What people make happen. A `Person` does it, a refusal is `Refused`, and what it came to is a value.

Knows no front end. What starts or tells a workflow takes a way to Temporal (`reading.temporal.Connect`).
"""
