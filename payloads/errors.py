"""What goes wrong with keys. Each is one line that says what to do next.

PayloadError
├── BadKeyFile      the file of keys can't be used
└── CannotDecode    a payload was encrypted by a key that is not here, or is not what was encrypted
"""


class PayloadError(ValueError):
    """Payloads can't be encrypted or decrypted."""


class BadKeyFile(PayloadError):
    """The file of keys can't be used."""


class CannotDecode(PayloadError):
    """A payload was encrypted by a key that is not here, or is not what was encrypted."""
