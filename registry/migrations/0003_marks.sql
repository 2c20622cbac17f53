-- SPDX-License-Identifier: GPL-2.0-or-later
-- A generation's number says which one it is only as long as nobody puts the database back to an earlier state: what
-- is changed from there on is numbered like what is lost. So each has a random mark beside its number. base: the mark of
-- the generation before, from which a row's generation went on; '' where it was made before there were marks.

ALTER TABLE mesh ADD COLUMN mark TEXT NOT NULL DEFAULT '';
ALTER TABLE change ADD COLUMN base TEXT NOT NULL DEFAULT '';
