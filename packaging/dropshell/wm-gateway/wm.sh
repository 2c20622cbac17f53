# shellcheck shell=sh disable=SC2034 # for those who read it
# What the verbs share: where settings and programs are. Read by each of them; runs nothing by itself.
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
ENV_FILE=${CONFIG_PATH:-$HERE/config}/service.env
PATH=$HERE/programs:$PATH:/usr/local/bin
export PATH

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

[ -r "$ENV_FILE" ] || die "$ENV_FILE cannot be read: ds create-service makes it"

# setting KEY: its value in service.env as wm-gateway reads it: the last line counts, quotes go, and so does a comment.
setting() {
	sed -n "s/^[[:blank:]]*$1=//p" "$ENV_FILE" | tail -n 1 |
		sed -e 's/\r$//' -e "s/^'\\([^']*\\)'.*/\\1/;t" -e 's/^"\([^"]*\)".*/\1/;t' -e 's/^#.*//;s/[[:blank:]]#.*//' -e 's/[[:blank:]]*$//'
}

# The token is for install alone, which reads it from the file; what dropshell has put into our environment goes nowhere else.
unset WM_REGISTRY_TOKEN SITE_DOMAIN SITE_SUBNET IS_HUB WM_REGISTRY_URL LXC_IFACES LXC_GATEWAY PUBLIC_IP WM_LISTEN_PORT WM_INSTANCE 2>/dev/null || :

# In what it runs, which every verb of the life cycle is told: one that looks for itself would, once this service's container is
# gone, take a gateway that the server itself is for this service's.
in_what() {
	case $(setting WM_GATEWAY_IN) in
	lxc | '') echo --lxc ;;
	native) echo --native ;;
	*) die "WM_GATEWAY_IN in $ENV_FILE must be lxc or native" ;;
	esac
}
IN=$(in_what)

# gateway VERB [ARGUMENT...]: wm-gateway instead of us, for this service's instance
gateway() {
	command -v wm-gateway >/dev/null 2>&1 ||
		die "wm-gateway is not here: install its package, or put the programs into $HERE/programs (make install PREFIX=/usr DESTDIR=...)"
	instance=$(setting WM_INSTANCE)
	case $instance in
	'') exec wm-gateway "$@" ;;
	-* | *[!a-z0-9-]*) die "WM_INSTANCE '$instance' in $ENV_FILE must be of a-z, 0-9 and '-'" ;;
	*) exec wm-gateway --instance "$instance" "$@" ;;
	esac
}
