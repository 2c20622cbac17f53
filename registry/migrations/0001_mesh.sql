-- SPDX-License-Identifier: GPL-2.0-or-later
-- The mesh, its objects, who may speak for them, and what happened.
-- Addresses are numbers in host byte order; times are seconds since 1970.

CREATE TABLE mesh (
	one          INTEGER PRIMARY KEY CHECK (one = 1),
	instance     TEXT NOT NULL,
	generation   INTEGER NOT NULL CHECK (generation > 0),
	name         TEXT NOT NULL,
	supernet     INTEGER NOT NULL,
	supernet_len INTEGER NOT NULL CHECK (supernet_len BETWEEN 1 AND 32)
) STRICT;

CREATE TABLE site (
	domain     TEXT PRIMARY KEY,
	subnet     INTEGER NOT NULL UNIQUE,
	len        INTEGER NOT NULL CHECK (len BETWEEN 1 AND 32),
	public_key BLOB UNIQUE CHECK (length(public_key) = 32),
	endpoint   TEXT,
	is_hub     INTEGER NOT NULL CHECK (is_hub IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX one_hub ON site (is_hub) WHERE is_hub = 1;

CREATE TABLE host (
	overlay INTEGER PRIMARY KEY,
	domain  TEXT NOT NULL REFERENCES site (domain),
	name    TEXT NOT NULL,
	local   INTEGER NOT NULL,
	mac     BLOB CHECK (length(mac) = 6),
	access  INTEGER NOT NULL,
	UNIQUE (domain, name),
	UNIQUE (domain, local)
) STRICT;

CREATE TABLE device (
	overlay    INTEGER PRIMARY KEY,
	name       TEXT NOT NULL UNIQUE,
	public_key BLOB UNIQUE CHECK (length(public_key) = 32),
	access     INTEGER NOT NULL
) STRICT;

-- A token speaks for a site, for a device, or (admin, read) for itself.
CREATE TABLE token (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	hash      BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
	role      TEXT NOT NULL CHECK (role IN ('admin', 'read', 'gateway', 'device')),
	label     TEXT,
	site      TEXT REFERENCES site (domain) ON DELETE CASCADE,
	device    TEXT REFERENCES device (name) ON DELETE CASCADE,
	created   INTEGER NOT NULL,
	last_used INTEGER,
	CHECK ((role = 'gateway') = (site IS NOT NULL)),
	CHECK ((role = 'device') = (device IS NOT NULL)),
	CHECK ((label IS NULL) = (role IN ('gateway', 'device')))
) STRICT;
CREATE INDEX token_site ON token (site) WHERE site IS NOT NULL;
CREATE INDEX token_device ON token (device) WHERE device IS NOT NULL;

CREATE TABLE enrolment (
	hash    BLOB PRIMARY KEY CHECK (length(hash) = 32),
	site    TEXT REFERENCES site (domain) ON DELETE CASCADE,
	device  TEXT REFERENCES device (name) ON DELETE CASCADE,
	expires INTEGER NOT NULL,
	used    INTEGER,
	CHECK ((site IS NULL) <> (device IS NULL))
) STRICT;
CREATE INDEX enrolment_site ON enrolment (site) WHERE site IS NOT NULL;
CREATE INDEX enrolment_device ON enrolment (device) WHERE device IS NOT NULL;

-- What each generation changed; body is NULL where the object was removed.
CREATE TABLE change (
	generation INTEGER NOT NULL,
	step       INTEGER NOT NULL,
	kind       TEXT NOT NULL,
	name       TEXT NOT NULL,
	body       TEXT,
	PRIMARY KEY (generation, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	at         INTEGER NOT NULL,
	who        TEXT NOT NULL,
	what       TEXT NOT NULL,
	kind       TEXT NOT NULL,
	name       TEXT NOT NULL,
	generation INTEGER NOT NULL,
	before     TEXT,
	after      TEXT
) STRICT;
