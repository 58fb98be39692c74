-- Format 1: bases and quarantine. Every table and column is described in storage/FORMAT.md.

CREATE TABLE bases (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    room TEXT NOT NULL,
    key_checksum INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    time REAL NOT NULL,
    size_bytes INTEGER NOT NULL,
    table_bytes INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    head BLOB NOT NULL,
    UNIQUE (tenant, room, offset)
);

CREATE INDEX bases_by_key_checksum ON bases (key_checksum, offset);

CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    checksum INTEGER NOT NULL,
    data BLOB NOT NULL
);

CREATE TABLE purges (
    base_id INTEGER PRIMARY KEY
);

CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    room TEXT NOT NULL,
    offset INTEGER NOT NULL,
    time REAL NOT NULL,
    reason TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    data_checksum INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    data BLOB NOT NULL
);

CREATE INDEX quarantine_by_room ON quarantine (tenant, room);
