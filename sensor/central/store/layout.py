"""Tables of the record, in words that SQLite and PostgreSQL both understand."""

from __future__ import annotations

LAYOUT_VERSION = 1
APPLICATION_ID = 0x47554E43  # "GUNC" in a SQLite file's header: tells a record from any other database

TABLES: dict[str, tuple[str, ...]] = {
    "mark": ("name TEXT PRIMARY KEY", "number BIGINT NOT NULL"),
    "arrival": (
        "number BIGINT PRIMARY KEY",
        "event_id TEXT NOT NULL UNIQUE",
        "site TEXT NOT NULL",
        "node TEXT NOT NULL",
        "utc_ns BIGINT NOT NULL",
        "received_ns BIGINT NOT NULL",
        "chain_id TEXT",
        "seq BIGINT",
        "body TEXT NOT NULL",
    ),
    "version": (
        "number BIGINT PRIMARY KEY",
        "incident_id TEXT NOT NULL",
        "version BIGINT NOT NULL",
        "created_ns BIGINT NOT NULL",
        "hash TEXT NOT NULL",
        "ledger TEXT NOT NULL",
        "body TEXT NOT NULL",
        "UNIQUE (incident_id, version)",
    ),
    "incident": (
        "incident_id TEXT PRIMARY KEY",
        "number BIGINT NOT NULL",
        "site TEXT NOT NULL",
        "utc_ns BIGINT NOT NULL",
        "state TEXT NOT NULL",
        "class TEXT NOT NULL",
        "lat_deg DOUBLE PRECISION",
        "lon_deg DOUBLE PRECISION",
        "exercise BIGINT NOT NULL",
        "words TEXT NOT NULL",
    ),
    "label": (
        "number BIGINT PRIMARY KEY",
        "incident_id TEXT NOT NULL",
        "source TEXT NOT NULL",
        "label TEXT NOT NULL",
        "reason TEXT NOT NULL",
        "author TEXT NOT NULL",
        "at_ns BIGINT NOT NULL",
        "same TEXT NOT NULL UNIQUE",
        "given_key TEXT",
        "hash TEXT NOT NULL",
    ),
    "audit": (
        "number BIGINT PRIMARY KEY",
        "actor TEXT NOT NULL",
        "action TEXT NOT NULL",
        "subject TEXT NOT NULL",
        "detail TEXT NOT NULL",
        "at_ns BIGINT NOT NULL",
        "prev_hash TEXT",
        "hash TEXT NOT NULL",
    ),
    "node": (
        "site TEXT NOT NULL",
        "node TEXT NOT NULL",
        "body TEXT NOT NULL",
        "PRIMARY KEY (site, node)",
    ),
    "node_sample": (
        "site TEXT NOT NULL",
        "node TEXT NOT NULL",
        "utc_ns BIGINT NOT NULL",
        "kind TEXT NOT NULL",
        "body TEXT NOT NULL",
        "PRIMARY KEY (site, node, utc_ns, kind)",
    ),
    "person": (
        "name TEXT PRIMARY KEY",
        "role TEXT NOT NULL",
        "password_hash TEXT NOT NULL",
        "disabled BIGINT NOT NULL",
        "created_ns BIGINT NOT NULL",
    ),
    "charge": (
        "name TEXT PRIMARY KEY",
        "holder TEXT NOT NULL",
        "until_ns BIGINT NOT NULL",
    ),
    "delivery": (
        "number BIGINT PRIMARY KEY",
        "channel TEXT NOT NULL",
        "incident_id TEXT NOT NULL",
        "version BIGINT NOT NULL",
        "due_ns BIGINT NOT NULL",
        "attempts BIGINT NOT NULL",
        "state TEXT NOT NULL",
        "reason TEXT NOT NULL",
        "created_ns BIGINT NOT NULL",
        "settled_ns BIGINT",
        "UNIQUE (channel, incident_id, version)",
    ),
}
INDEXES = (
    "CREATE INDEX arrival_time ON arrival (utc_ns)",
    "CREATE INDEX arrival_chain ON arrival (site, node, chain_id, seq)",
    "CREATE INDEX incident_time ON incident (utc_ns)",
    "CREATE INDEX label_incident ON label (incident_id)",
    "CREATE INDEX audit_time ON audit (at_ns)",
    "CREATE INDEX node_sample_time ON node_sample (utc_ns)",
    "CREATE INDEX delivery_waiting ON delivery (channel, state, due_ns)",
    "CREATE INDEX delivery_incident ON delivery (incident_id)",
)
APPEND_ONLY = ("version", "audit", "label")
"""Tables in which the database itself refuses to change or delete a row."""


def create_tables(*, text: str = "TEXT") -> list[str]:
    """Statements that make the tables and their indexes; ``text`` is the type of a column of words."""
    return [
        f"CREATE TABLE {name} ({', '.join(lines).replace('TEXT', text)})" for name, lines in TABLES.items()
    ] + list(INDEXES)


def columns(table: str) -> list[str]:
    """Names of a table's columns."""
    return [line.split()[0] for line in TABLES[table] if line.split()[0] not in ("UNIQUE", "PRIMARY")]


def append_only_sqlite() -> list[str]:
    """Triggers with which SQLite refuses to rewrite the record."""
    return [
        f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'the record of {table}s is only ever appended to'); END"
        for table in APPEND_ONLY
        for verb in ("UPDATE", "DELETE")
    ]


def append_only_postgres() -> list[str]:
    """Triggers with which PostgreSQL refuses to rewrite the record."""
    function = (
        "CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'the record of %s is only ever appended to', TG_TABLE_NAME; END $$"
    )
    return [function] + [
        f"CREATE TRIGGER {table}_refuses_rewriting BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
        for table in APPEND_ONLY
    ]
