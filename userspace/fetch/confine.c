/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fetch/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define USER "wm-fetch"
#define NOBODY 65534

int wm_confine_user(void)
{
	const struct passwd *user;
	uid_t uid = NOBODY;
	gid_t gid = NOBODY;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	if (!geteuid()) {
		user = getpwnam(USER);
		if (user) {
			uid = user->pw_uid;
			gid = user->pw_gid;
		}
		if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
			return -errno;
	}
	/* After the change of user, which resets both. */
	if (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL))
		return -errno;
	return 0;
}

/* --- Landlock ------------------------------------------------------------------------------ */

/* As <linux/landlock.h> of 6.12 has it: Debian 12's ends with the files. A kernel takes a shorter one for zeros. */
struct ruleset {
	uint64_t files, ports, scopes;
};
#define FS_FIRST_ABI ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 - LANDLOCK_ACCESS_FS_READ_FILE - LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_TRUNCATE (1ull << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (1ull << 15) /* ABI 5 */
#define NET_BIND_TCP (1ull << 0)  /* ABI 4 */
#define SCOPE_ABSTRACT_UNIX (1ull << 0)
#define SCOPE_SIGNAL (1ull << 1) /* both ABI 6 */

static size_t denied_by(long abi, struct ruleset *ret)
{
	*ret = (struct ruleset){ .files = FS_FIRST_ABI };
	if (abi >= 2)
		ret->files |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		ret->files |= FS_TRUNCATE;
	if (abi >= 5)
		ret->files |= FS_IOCTL_DEV;
	if (abi < 4)
		return offsetof(struct ruleset, ports);
	ret->ports = NET_BIND_TCP;
	if (abi < 6)
		return offsetof(struct ruleset, scopes);
	ret->scopes = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	return sizeof(*ret);
}

int wm_confine_files(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset denied;
	WM_AUTO_CLOSE int fd = -1;
	size_t size;

	if (abi < 1)
		return 0; /* not built in, not switched on, or not let through by what a container's maker knew */
	size = denied_by(abi, &denied);
	fd = (int)syscall(SYS_landlock_create_ruleset, &denied, size, 0);
	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0))
		return -errno;
	return 1;
}

/* --- seccomp ------------------------------------------------------------------------------- */

/* What needs no look at its arguments. Names that an architecture does not have are passed over. */
static const char *const calls[] = {
	/* what is open */
	"close", "read", "readv", "pread64", "write", "writev", "pwrite64", "lseek", "_llseek", "dup", "dup2", "dup3", "fcntl",
	"fcntl64", "pipe", "pipe2", "eventfd2", "poll", "ppoll", "ppoll_time64", "select", "pselect6", "epoll_create",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
	/* files are looked at: resolv.conf, certificates */
	"stat", "fstat", "lstat", "stat64", "fstat64", "lstat64", "newfstatat", "fstatat64", "statx", "statfs", "fstatfs",
	"access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "getcwd",
	/* sockets that socket() below lets through */
	"socketpair", "connect", "bind", "getsockname", "getpeername", "getsockopt", "setsockopt", "send", "sendto", "sendmsg",
	"sendmmsg", "recv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64", "shutdown",
	/* memory, threads, time */
	"mmap", "mmap2", "munmap", "mprotect", "mremap", "madvise", "brk", "futex", "futex_time64", "set_robust_list", "rseq",
	"set_tid_address", "gettid", "getpid", "getuid", "geteuid", "getgid", "getegid", "getrandom", "sched_yield",
	"sched_getaffinity", "membarrier", "clock_gettime", "clock_gettime64", "clock_getres", "clock_nanosleep",
	"clock_nanosleep_time64", "nanosleep", "gettimeofday", "time", "uname", "sysinfo", "getrlimit", "ugetrlimit", "getrusage",
	/* the end, and signals to itself */
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack", "restart_syscall", "exit", "exit_group",
};

/* name is passed when argument arg, under mask, is value. They are ints: what a register holds above is not theirs. */
struct call_if {
	const char *name;
	unsigned int arg;
	uint32_t mask, value;
};
#define WHOLE UINT32_MAX

static const struct call_if calls_if[] = {
	{ "open", 1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY },
	{ "openat", 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY },
	{ "socket", 0, WHOLE, AF_INET },
	{ "socket", 0, WHOLE, AF_INET6 },
	{ "socket", 0, WHOLE, AF_UNIX }, /* resolvers of the machine, nscd */
	/* threads; clone3, whose flags lie in memory, is "not there", and glibc then takes clone */
	{ "clone", 0, CLONE_THREAD | CLONE_VM | CLONE_SIGHAND, CLONE_THREAD | CLONE_VM | CLONE_SIGHAND },
	{ "ioctl", 1, WHOLE, FIONREAD },
	{ "ioctl", 1, WHOLE, FIONBIO },
	{ "prctl", 0, WHOLE, PR_SET_NAME },
};

static int allow_with_arguments(scmp_filter_ctx ctx)
{
	int rc = 0;

	for (size_t i = 0; i < WM_ARRAY_LEN(calls_if) && !rc; i++) {
		const struct call_if *c = &calls_if[i];
		int nr = seccomp_syscall_resolve_name(c->name);

		if (nr != __NR_SCMP_ERROR)
			rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 1, SCMP_CMP(c->arg, SCMP_CMP_MASKED_EQ, c->mask, c->value));
	}
	/* glibc asks which addresses this machine has before it sorts what DNS said; no other netlink. */
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK),
				      SCMP_A2(SCMP_CMP_EQ, NETLINK_ROUTE));
	/* abort() signals its own thread. */
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	/* Limits are read, never set. */
	return rc ? rc : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
}

static int filter(scmp_filter_ctx ctx)
{
	int rc = 0;

	for (size_t i = 0; i < WM_ARRAY_LEN(calls) && !rc; i++) {
		int nr = seccomp_syscall_resolve_name(calls[i]);

		if (nr != __NR_SCMP_ERROR)
			rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
	}
	return rc ? rc : allow_with_arguments(ctx);
}

int wm_confine_calls(struct wm_error *err)
{
	scmp_filter_ctx ctx;
	int rc;

	if (prctl(PR_GET_SECCOMP) < 0 && errno == EINVAL)
		return 0;
	ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	if (!ctx)
		return wm_fail(err, ENOMEM, "out of memory");
	rc = filter(ctx);
	if (!rc)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc ? wm_fail(err, -rc, "the system calls of wm-fetch cannot be limited: %s", strerror(-rc)) : 1;
}
