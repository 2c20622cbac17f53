# What scripts on a machine of machine.bash begin with.

# files: everything on this machine but what package managers keep for themselves
files() {
	find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /mnt -o -path /tmp -o -path '/var/lib/dpkg/*' -o -path '/var/cache/*' \
		-o -path '/var/log/*' -o -path '/etc/*-' -o -path /etc/.pwd.lock -o -path /etc/ld.so.cache \) -prune -o -print | sort
	cat /etc/passwd /etc/group
}
# wait_until COMMAND...
wait_until() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 300 ]
		sleep 0.1
	done
}
files >/tmp/before
