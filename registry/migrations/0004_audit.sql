-- SPDX-License-Identifier: GPL-2.0-or-later
-- What did not change the mesh has generation 0 in the audit; what a generation changed is found by it.

UPDATE audit SET generation = 0 WHERE before IS NULL AND after IS NULL;
CREATE INDEX audit_of_generation ON audit (generation, id);
