# shellcheck shell=bash
# For control, registry and propagation.

# Puts hosts h0, h1, ... of a site into a registry's database, while the registry is down: no one would wait for a million
# requests. Their overlay addresses begin at 10.<octet>.0.2, their LAN addresses at 172.16.0.2.
put_hosts() { # put_hosts <database> <how many> <site> <octet>
	sqlite3 "$1" "
		WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
		INSERT INTO host (overlay, domain, name, local, access)
		SELECT 10 * 16777216 + $4 * 65536 + 2 + i, '$3', 'h' || i, 172 * 16777216 + 16 * 65536 + 2 + i, 1 FROM n"
}
