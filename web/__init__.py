"""The console: pages for operators, approvers and auditors, and the door for other programs. Knows no command."""
