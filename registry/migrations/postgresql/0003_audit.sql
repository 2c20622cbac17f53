-- SPDX-License-Identifier: GPL-2.0-or-later
-- As ../0004_audit.sql.

UPDATE audit SET generation = 0 WHERE before IS NULL AND after IS NULL;
CREATE INDEX audit_of_generation ON audit (generation, id);
