# shellcheck shell=bash
# What the units in packaging/systemd let a service do, for tests that hold the program against them.

# units_into <directory> <directory of the programs>: with the path of what was built, which systemd-analyze looks for
units_into() {
	mkdir -p "$1"
	cp packaging/systemd/* "$1"
	sed -i "s|/usr/bin/|$2/|" "$1"/*.service
}

members_of() { # members_of <name>: of a system call, itself; of a @set, all in it
	local name
	case $1 in @*) ;; *) echo "$1"; return ;; esac
	systemd-analyze syscall-filter "$1" | sed 's/^ *//' | grep -v '^#' | tail -n +2 | while read -r name; do members_of "$name"; done
}

# calls_of <unit file>: every system call that its SystemCallFilter= lines leave, sorted
calls_of() {
	local line name
	local -A may=()
	while read -r line; do
		for name in ${line#\~}; do
			while read -r name; do
				case $line in \~*) unset "may[$name]" ;; *) may[$name]=1 ;; esac
			done < <(members_of "$name")
		done
	done < <(sed -n 's/^SystemCallFilter=//p' "$1")
	printf '%s\n' "${!may[@]}" | sort
}

# calls_in <strace output of -f -o>: what was asked for, sorted, but for the execve that began it
calls_in() { sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' "$1" | grep -vx execve | sort -u; }

# exposed_at_most <tenths> <unit>
exposed_at_most() {
	run systemd-analyze security --offline=true --no-pager --threshold="$1" "$2"
	[[ $output == *'Overall exposure level'* ]] || { echo "$output"; return 1; }
	[ "$status" = 0 ] || { tail -1 <<<"$output"; return 1; }
}
