"""What an operator can do about an error of PostgreSQL."""

from __future__ import annotations

import re

_BY_CODE = {
    "08": "the connection broke; it is made again at the next attempt",
    "25006": "it is read-only: a standby, or default_transaction_read_only is set; name the primary server",
    "25P03": "this worker held a transaction open for too long: is the machine overloaded?",
    "28": "check user and password in the file that record.postgres_dsn_file names",
    "3D000": "the database is not there: make it with createdb",
    "42501": "the user lacks a right: it needs those that docs/record.md lists",
    "53100": "the server's disk is full: free some space there",
    "53300": "the server has too many connections: raise max_connections",
    "55P03": "another worker holds the record: is one of them stuck?",
    "57P": "the server is stopping or starting; it is tried again",
}
"""By SQLSTATE, the longest match first; https://www.postgresql.org/docs/current/errcodes-appendix.html."""
_BY_WORDS = (
    (r"password authentication failed|no password supplied|role .* does not exist", _BY_CODE["28"]),
    (r"database .* does not exist", _BY_CODE["3D000"]),
    (r"pg_hba\.conf", "the server's pg_hba.conf does not let this user in from here"),
    (r"remaining connection slots|too many clients", _BY_CODE["53300"]),
    (r"starting up|shutting down|terminating connection|closed the connection", _BY_CODE["57P"]),
    (
        r"refused|No such file|timeout|timed out|translate host name",
        "is the server running, and are host and port right?",
    ),
)
"""An attempt to connect that fails carries no SQLSTATE, only words."""


def advice(code: str | None, text: str) -> str:
    """How to mend an error with this SQLSTATE and text; empty where nothing better is known."""
    for length in (5, 3, 2):
        if code and code[:length] in _BY_CODE:
            return _BY_CODE[code[:length]]
    for pattern, words in _BY_WORDS:
        if re.search(pattern, text):
            return words
    return ""
