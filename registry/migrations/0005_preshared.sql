-- SPDX-License-Identifier: GPL-2.0-or-later
-- preshared: a site's gateway takes preshared keys, as it reported. secret: all of them are made of it and of public keys;
-- the registry makes it when it starts and finds none.

ALTER TABLE site ADD COLUMN preshared INTEGER NOT NULL DEFAULT 0 CHECK (preshared IN (0, 1));
ALTER TABLE mesh ADD COLUMN secret BLOB CHECK (length(secret) = 32);
