/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every statement of the store, by name: SQL that both databases speak.
 * Parameters are ?1, ?2, ... in the order that the callers in store_*.c pass them.
 */
#pragma once

#define SITE_COLUMNS "SELECT domain, subnet, len, public_key, endpoint, is_hub, preshared FROM site "
#define HOST_COLUMNS "SELECT overlay, domain, name, local, mac, access FROM host "
#define DEVICE_COLUMNS "SELECT overlay, name, public_key, access FROM device "
#define AUDIT_COLUMNS "SELECT id, at, who, what, kind, name, generation, before, after FROM audit "
#define TOKEN_COLUMNS "SELECT id, role, coalesce(label, site, device), created, last_used, hash FROM token "

#define SQL_LIST(X) \
	X(MESH_GET, "SELECT instance, generation, name, supernet, supernet_len, mark FROM mesh") \
	X(MESH_NEW, "INSERT INTO mesh (one, instance, generation, name, supernet, supernet_len) VALUES (1, ?1, 1, ?2, ?3, ?4)") \
	X(MESH_PUT, "INSERT INTO mesh (one, instance, generation, name, supernet, supernet_len, mark) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)") \
	X(MESH_BUMP, "UPDATE mesh SET generation = generation + 1, mark = ?1 RETURNING generation") \
	X(MESH_RENEW, "UPDATE mesh SET instance = ?1") \
	X(MESH_SECRET, "SELECT secret FROM mesh") \
	X(MESH_SECRET_SET, "UPDATE mesh SET secret = ?1") \
	X(MESH_SET, "UPDATE mesh SET name = ?1, supernet = ?2, supernet_len = ?3") \
	\
	X(SITE_GET, SITE_COLUMNS "WHERE domain = ?1") \
	X(SITE_NEXT, SITE_COLUMNS "WHERE domain > ?1 ORDER BY domain LIMIT 1") \
	X(SITE_BELOW, SITE_COLUMNS "WHERE subnet BETWEEN 0 AND ?1 ORDER BY subnet DESC LIMIT 1") \
	X(SITE_HUB, SITE_COLUMNS "WHERE is_hub = 1") \
	X(SITE_SUBNETS, "SELECT subnet, len FROM site WHERE subnet >= 0 ORDER BY subnet") \
	X(SITE_ADD, "INSERT INTO site (domain, subnet, len, public_key, endpoint, is_hub, preshared) " \
		     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)") \
	X(SITE_SET, "UPDATE site SET subnet = ?2, len = ?3, public_key = ?4, endpoint = ?5, is_hub = ?6, preshared = ?7 " \
		     "WHERE domain = ?1") \
	X(SITE_REMOVE, "DELETE FROM site WHERE domain = ?1") \
	/* Out of the way of others within a change: no address, no key, no hub. */ \
	X(SITE_PARK, "UPDATE site SET subnet = -subnet - 1, public_key = NULL, is_hub = 0 WHERE domain = ?1") \
	\
	X(HOST_GET, HOST_COLUMNS "WHERE domain = ?1 AND name = ?2") \
	X(HOST_NEXT, HOST_COLUMNS "WHERE overlay > ?1 ORDER BY overlay LIMIT 1") \
	X(HOST_AT, HOST_COLUMNS "WHERE overlay = ?1") \
	X(HOST_LOCAL, HOST_COLUMNS "WHERE domain = ?1 AND local = ?2") \
	X(HOST_OF_SITE, HOST_COLUMNS "WHERE domain = ?1 LIMIT 1") \
	X(HOST_OUTSIDE, HOST_COLUMNS "WHERE domain = ?1 AND overlay NOT BETWEEN ?2 AND ?3 LIMIT 1") \
	X(HOST_ADD, "INSERT INTO host (overlay, domain, name, local, mac, access) VALUES (?1, ?2, ?3, ?4, ?5, ?6)") \
	X(HOST_SET, "UPDATE host SET overlay = ?1, local = ?4, mac = ?5, access = ?6 WHERE domain = ?2 AND name = ?3") \
	X(HOST_REMOVE, "DELETE FROM host WHERE domain = ?1 AND name = ?2") \
	\
	X(DEVICE_GET, DEVICE_COLUMNS "WHERE name = ?1") \
	X(DEVICE_NEXT, DEVICE_COLUMNS "WHERE overlay > ?1 ORDER BY overlay LIMIT 1") \
	X(DEVICE_AT, DEVICE_COLUMNS "WHERE overlay = ?1") \
	X(DEVICE_ADD, "INSERT INTO device (overlay, name, public_key, access) VALUES (?1, ?2, ?3, ?4)") \
	X(DEVICE_SET, "UPDATE device SET overlay = ?1, public_key = ?3, access = ?4 WHERE name = ?2") \
	X(DEVICE_REMOVE, "DELETE FROM device WHERE name = ?1") \
	X(DEVICE_PARK, "UPDATE device SET overlay = -overlay - 1, public_key = NULL WHERE name = ?1") \
	\
	X(OBJECTS, "SELECT (SELECT count(*) FROM site), (SELECT count(*) FROM host), (SELECT count(*) FROM device)") \
	X(OVERLAY_USED, "SELECT overlay FROM host WHERE overlay BETWEEN ?1 AND ?2 UNION ALL " \
			"SELECT overlay FROM device WHERE overlay BETWEEN ?1 AND ?2 ORDER BY 1 LIMIT 1000") \
	X(KEY_OWNER, "SELECT 'site', domain FROM site WHERE public_key = ?1 UNION ALL " \
		     "SELECT 'device', name FROM device WHERE public_key = ?1") \
	\
	X(TOKEN_FIND, TOKEN_COLUMNS "WHERE hash = ?1") \
	X(TOKEN_GET, TOKEN_COLUMNS "WHERE id = ?1") \
	X(TOKEN_NEXT, TOKEN_COLUMNS "WHERE id > ?1 ORDER BY id LIMIT 1") \
	X(TOKEN_ADD, "INSERT INTO token (hash, role, label, site, device, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id") \
	X(TOKEN_PUT, "INSERT INTO token (id, hash, role, label, site, device, created, last_used) " \
		     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, nullif(?8, 0))") \
	X(TOKEN_REMOVE, "DELETE FROM token WHERE id = ?1") \
	X(TOKEN_OF, TOKEN_COLUMNS "WHERE site = ?1 OR device = ?2 ORDER BY id LIMIT 1") \
	X(TOKEN_USED, "UPDATE token SET last_used = ?2 WHERE id = ?1") \
	\
	X(ENROLMENT_FIND, "SELECT site, device, hash FROM enrolment WHERE hash = ?1 AND used IS NULL AND expires > ?2") \
	X(ENROLMENT_OPEN, "SELECT site, device, expires FROM enrolment WHERE used IS NULL AND expires > ?1 " \
			  "ORDER BY device IS NOT NULL, device, site") \
	X(ENROLMENT_ADD, "INSERT INTO enrolment (hash, site, device, expires) VALUES (?1, ?2, ?3, ?4)") \
	X(ENROLMENT_USE, "UPDATE enrolment SET used = ?2 WHERE hash = ?1 AND used IS NULL AND expires > ?2 " \
			 "RETURNING site, device") \
	X(ENROLMENT_OF, "SELECT hash, expires FROM enrolment WHERE (site = ?1 OR device = ?2) AND used IS NULL LIMIT 1") \
	X(ENROLMENT_ALL, "SELECT hash, site, device, expires, used FROM enrolment") \
	X(ENROLMENT_PUT, "INSERT INTO enrolment (hash, site, device, expires, used) VALUES (?1, ?2, ?3, ?4, nullif(?5, 0))") \
	X(ENROLMENT_REMOVE, "DELETE FROM enrolment WHERE hash = ?1") \
	X(ENROLMENT_PRUNE, "DELETE FROM enrolment WHERE expires < ?1") \
	\
	X(CHANGE_ADD, "INSERT INTO change (generation, step, kind, name, body, whole, base) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)") \
	X(CHANGE_PRUNE, "DELETE FROM change WHERE seq <= (SELECT max(seq) FROM change) - ?1") \
	X(CHANGE_FIRST, "SELECT seq, base FROM change WHERE generation = ?1 AND step = 0") \
	X(CHANGE_LAST, "SELECT max(generation) FROM change") \
	X(CHANGE_WHOLE, "SELECT seq FROM change WHERE whole = 1 AND seq >= ?1 LIMIT 1") \
	X(CHANGE_OF_SITE, "SELECT max(seq) FROM change WHERE kind = 'site' AND name = ?1") \
	X(CHANGE_NEXT, "SELECT seq, kind, name, (SELECT max(d.seq) FROM change d WHERE d.kind = c.kind AND d.name = c.name) " \
		       "FROM change c WHERE seq > ?1 ORDER BY seq LIMIT 1") \
	X(AUDIT_ADD, "INSERT INTO audit (at, who, what, kind, name, generation, before, after) " \
		     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)") \
	X(AUDIT_PUT, "INSERT INTO audit (id, at, who, what, kind, name, generation, before, after) " \
		     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)") \
	X(AUDIT_NEXT, AUDIT_COLUMNS "WHERE id > ?1 ORDER BY id LIMIT 1") \
	X(AUDIT_BEFORE, AUDIT_COLUMNS "WHERE id < ?1 ORDER BY id DESC LIMIT 1") \
	/* The oldest beyond so many, some of them; never of the last generation, or what came after it: undo needs it. */ \
	X(AUDIT_PRUNE, "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?1 " \
		       "AND id < (SELECT min(id) FROM audit WHERE generation = (SELECT generation FROM mesh)) ORDER BY id LIMIT ?2)") \
	X(AUDIT_OF, AUDIT_COLUMNS "WHERE generation = ?1 AND id > ?2 ORDER BY id LIMIT 1") \
	/* only PostgreSQL: what is numbered next */ \
	X(TOKEN_GO_ON, "SELECT setval(pg_get_serial_sequence('token', 'id'), ?1)") \
	X(AUDIT_GO_ON, "SELECT setval(pg_get_serial_sequence('audit', 'id'), ?1)") \
	/* only where stores are shared: PostgreSQL */ \
	X(REPORT_PUT, "INSERT INTO report (domain, seen, body) VALUES (?1, ?2, ?3) " \
		      "ON CONFLICT (domain) DO UPDATE SET seen = excluded.seen, body = excluded.body") \
	X(REPORT_END, "DELETE FROM report WHERE domain = ?1") \
	/* The next one; its body only where it is not the one that is known, by what wrote it last. */ \
	X(REPORT_NEXT, "SELECT r.domain, r.seen, r.xmin::text::bigint, " \
		       "CASE WHEN r.domain = ?2 AND r.xmin::text::bigint = ?3 THEN NULL ELSE r.body END " \
		       "FROM report r JOIN site s ON s.domain = r.domain WHERE r.domain > ?1 ORDER BY r.domain LIMIT 1")

/* Statements that walk: one parameter, and the rows whose first column is greater, in its order, one at a time (LIMIT 1). */
#define SQL_WALKS(X) X(SITE_NEXT) X(HOST_NEXT) X(DEVICE_NEXT) X(TOKEN_NEXT) X(CHANGE_NEXT) X(AUDIT_NEXT)

enum sql {
#define X(name, text) SQL_##name,
	SQL_LIST(X)
#undef X
	SQL_COUNT
};
