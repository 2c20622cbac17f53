# shellcheck shell=sh disable=SC2034 # for those who read it
# What the verbs share: where settings and programs are, and in what the registry runs. Read by each of them.
set -eu
umask 077

HERE=$(cd "$(dirname "$0")" && pwd)
ENV_FILE=${CONFIG_PATH:-$HERE/config}/service.env
PATH=$HERE/programs:$PATH:/usr/local/bin
export PATH
KEYS='WM_REGISTRY_TOKEN WM_REGISTRY_PORT WM_REGISTRY_STORE WM_MESH_NAME WM_MESH_SUPERNET WM_REGISTRY_AUDIT_KEEP
	WM_REGISTRY_DOWNLOADS CF_DOMAIN'
ETC=${WM_ETC:-/etc/wm}
NAME=${CONTAINER_NAME:-wm-registry}
VOLUME=$NAME-data

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

[ -r "$ENV_FILE" ] || die "$ENV_FILE cannot be read: ds create-service makes it"

# setting KEY: its value in service.env as wm-registry reads it: the last line counts, quotes go, and so does a comment.
setting() {
	sed -n "s/^[[:blank:]]*$1=//p" "$ENV_FILE" | tail -n 1 |
		sed -e 's/\r$//' -e "s/^'\\([^']*\\)'.*/\\1/;t" -e 's/^"\([^"]*\)".*/\1/;t' -e 's/^#.*//;s/[[:blank:]]#.*//' -e 's/[[:blank:]]*$//'
}

# What dropshell has put into our environment goes nowhere: the programs have a file.
# shellcheck disable=SC2086 # names
unset $KEYS 2>/dev/null || :

case $NAME in '' | -* | *[!A-Za-z0-9._-]*) die "CONTAINER_NAME '$NAME' must be of letters, digits, '.', '_' and '-'" ;; esac

# In what it runs: native, or the program that runs containers.
runs_in() {
	case $(setting WM_REGISTRY_IN) in
	native | '') echo native ;;
	container)
		if has docker; then echo docker; elif has podman; then echo podman
		else die "WM_REGISTRY_IN=container needs docker or podman; with native it needs neither"; fi ;;
	*) die "WM_REGISTRY_IN in $ENV_FILE must be native or container" ;;
	esac
}
IN=$(runs_in)

# tags: how the images in image/ call themselves, a line each, the newest last; files may have any name
tags() {
	for tar in "$HERE"/image/*.tar; do
		[ ! -e "$tar" ] || { tar -xOf "$tar" manifest.json 2>/dev/null && echo; } | sed -n 's/.*"RepoTags":\["\(wm-registry:[^"]*\)"\].*/\1/p'
	done | sort -V
}

# As it is called in service.env; else as the newest of image/*.tar (make image, make release) is.
image() {
	image=$(setting WM_REGISTRY_IMAGE)
	[ -n "$image" ] || image=$(tags | tail -n 1)
	case ${image:=wm-registry} in -* | *[!A-Za-z0-9._/:@-]*) die "WM_REGISTRY_IMAGE '$image' in $ENV_FILE is no name of an image" ;; esac
	printf %s "$image"
}

# The program that reads the mesh is the one that serves it; where there is no container, the one that install would take.
image_of_container() {
	case $file in *:*) die "$file: with a ':' in its name it cannot be given to a container" ;; esac
	"$IN" inspect -f '{{.Image}}' "$NAME" 2>/dev/null || image
}

# The directory of what the registry gives out, where there is one: what a container has to be given of the server.
downloads() {
	value=$(setting WM_REGISTRY_DOWNLOADS)
	case $value in
	'' | /*) ;;
	*) die "WM_REGISTRY_DOWNLOADS '$value' in $ENV_FILE must be an absolute path" ;;
	esac
	case $value in *:*) die "WM_REGISTRY_DOWNLOADS '$value' in $ENV_FILE may not have a ':' in it" ;; esac
	printf %s "$value"
}

# write FILE TEXT: atomically, and only where it is another: 0 it was written, 1 it was so already
write() {
	if [ "$2" = "$(cat "$1" 2>/dev/null)" ]; then return 1; fi
	{ printf '%s\n' "$2" >"$1.new" && mv "$1.new" "$1"; } || die "$1 cannot be written"
}

# settings QUOTE: our keys of service.env, a line each
settings() {
	for key in $KEYS; do
		value=$(setting "$key")
		case $value in *"'"*) die "$key in $ENV_FILE may not have a quote in it" ;; esac
		[ -z "$value" ] || printf '%s=%s%s%s\n' "$key" "$1" "$value" "$1"
	done
}

file_of() {
	file=${1:-${BACKUP_FILE:-}}
	case $file in /*) printf %s "$file" ;; *) die "which file? An absolute path, as argument or in BACKUP_FILE" ;; esac
}
