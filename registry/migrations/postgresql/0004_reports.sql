-- SPDX-License-Identifier: GPL-2.0-or-later
-- What gateways last reported of themselves, to whichever registry. Not worth a log: after a crash of the
-- server the table is empty, and they say it again. (With SQLite there is one registry, which keeps them in memory.)

CREATE UNLOGGED TABLE report (
	domain text COLLATE "C" PRIMARY KEY,
	seen   bigint NOT NULL,
	body   text NOT NULL
) WITH (fillfactor = 50);
