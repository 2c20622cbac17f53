-- SPDX-License-Identifier: GPL-2.0-or-later
-- As ../0003_marks.sql, which says what marks are for.

ALTER TABLE mesh ADD COLUMN mark text NOT NULL DEFAULT '';
ALTER TABLE change ADD COLUMN base text NOT NULL DEFAULT '';
