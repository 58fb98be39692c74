-- Format 1: streams of records. Every table and column is described in storage/FORMAT.md.

CREATE TABLE streams (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    room TEXT NOT NULL,
    stream TEXT NOT NULL,
    key_checksum INTEGER NOT NULL,
    floor INTEGER NOT NULL,
    head INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    UNIQUE (tenant, room, stream)
);

CREATE INDEX streams_by_key_checksum ON streams (key_checksum);

CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    stream_id INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    time REAL NOT NULL,
    authors BLOB NOT NULL,
    data BLOB NOT NULL,
    checksum INTEGER NOT NULL
);

CREATE TABLE places (
    stream_id INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    record_id INTEGER NOT NULL,
    PRIMARY KEY (stream_id, offset)
) WITHOUT ROWID;

CREATE TABLE progress (
    placed INTEGER NOT NULL,
    checksum INTEGER NOT NULL
);

INSERT INTO progress (placed, checksum) VALUES (0, 1696784233);

CREATE TABLE purges (
    stream_id INTEGER PRIMARY KEY
);
