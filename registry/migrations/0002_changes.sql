-- SPDX-License-Identifier: GPL-2.0-or-later
-- The log of changes as readers walk it: rows are numbered without a gap, the oldest go first, and of an object
-- only the newest row counts. whole: who has not seen this row cannot be told the difference, because it changes
-- what somebody sees of objects that did not change (another hub, another supernet).

CREATE TABLE change_numbered (
	seq        INTEGER PRIMARY KEY,
	generation INTEGER NOT NULL,
	step       INTEGER NOT NULL,
	kind       TEXT NOT NULL,
	name       TEXT NOT NULL,
	body       TEXT,
	whole      INTEGER NOT NULL CHECK (whole IN (0, 1)),
	UNIQUE (generation, step)
) STRICT;
INSERT INTO change_numbered (generation, step, kind, name, body, whole)
	SELECT generation, step, kind, name, body, kind IN ('mesh', 'site') FROM change ORDER BY generation, step;
DROP TABLE change;
ALTER TABLE change_numbered RENAME TO change;
CREATE INDEX change_of_object ON change (kind, name, seq);
CREATE INDEX change_whole ON change (seq) WHERE whole = 1;
