-- SPDX-License-Identifier: GPL-2.0-or-later
-- As ../0005_preshared.sql.

ALTER TABLE site ADD COLUMN preshared bigint NOT NULL DEFAULT 0 CHECK (preshared IN (0, 1));
ALTER TABLE mesh ADD COLUMN secret bytea CHECK (length(secret) = 32);
