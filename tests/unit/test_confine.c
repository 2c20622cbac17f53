/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What wm-fetch can still do once it has confined itself, tried by a process that did the same. Each row is tried without
 * confinement, too: what fails there says nothing.
 */
#include "fetch/confine.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/unit.h"

enum confinement { NONE, FILES, CALLS, ALL };

/* Of act in a child that confined itself: 0 it could, else errno. */
static int in_child(enum confinement how, int (*act)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct wm_error why;

		alarm(20);
		if (how == ALL && wm_confine_user())
			_exit(250);
		if (how != ALL && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
			_exit(251);
		if ((how == FILES || how == ALL) && wm_confine_files() < 0)
			_exit(252);
		if ((how == CALLS || how == ALL) && wm_confine_calls(&why) != 1)
			_exit(253);
		errno = 0;
		_exit(act() ? (errno ? errno : 254) : 0);
	}
	assert_int_not_equal(pid, -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* --- what must not go ---------------------------------------------------------------------- */

static char file[4096];

static int writes(void) { return open(file, O_WRONLY) < 0; }
static int makes(void) { return open(unit_path("new"), O_WRONLY | O_CREAT, 0600) < 0; }
static int makes_a_directory(void) { return mkdir(unit_path("newdir"), 0700); }
static int removes(void) { return unlink(unit_path("victim")); }
static int truncates(void) { return truncate(file, 0); }

/* Executing is tried by a thread's worth of memory: success never returns, and true ends with 0. */
static int executes(void)
{
	char *argv[] = { (char *)"true", NULL };

	execv("/bin/true", argv);
	return -1;
}

static int forks(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		_exit(0);
	return pid < 0;
}

static int traces(void) { return (int)ptrace(PTRACE_TRACEME, 0, 0, 0); }
static int packet_socket(void) { return socket(AF_PACKET, SOCK_DGRAM, 0) < 0; }
static int raw_netlink(void) { return socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT) < 0; }
static int signals_others(void) { return kill(getppid(), 0); }
static int user_namespace(void) { return unshare(CLONE_NEWUSER); }
static int keyring(void) { return syscall(SYS_keyctl, 0, -3, 1) < 0; }
static int sets_limits(void)
{
	const struct rlimit none = { 0, 0 };

	return setrlimit(RLIMIT_CORE, &none);
}

static int listens(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 1);
}

static int binds_tcp(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at));
}

static const struct {
	const char *name;
	int (*act)(void);
	enum confinement by;
	int abi; /* of Landlock, from which on it is denied */
} denied[] = {
	{ "writes a file", writes, FILES, 1 },
	{ "makes a file", makes, FILES, 1 },
	{ "makes a directory", makes_a_directory, FILES, 1 },
	{ "removes a file", removes, FILES, 1 },
	{ "truncates a file", truncates, FILES, 3 },
	{ "executes", executes, FILES, 1 },
	{ "binds a TCP port", binds_tcp, FILES, 4 },
	{ "signals its parent", signals_others, FILES, 6 },
	{ "writes a file", writes, CALLS, 0 },
	{ "makes a directory", makes_a_directory, CALLS, 0 },
	{ "removes a file", removes, CALLS, 0 },
	{ "truncates a file", truncates, CALLS, 0 },
	{ "executes", executes, CALLS, 0 },
	{ "makes a process", forks, CALLS, 0 },
	{ "traces", traces, CALLS, 0 },
	{ "opens a packet socket", packet_socket, CALLS, 0 },
	{ "opens netlink that is not about routes", raw_netlink, CALLS, 0 },
	{ "signals its parent", signals_others, CALLS, 0 },
	{ "makes a user namespace", user_namespace, CALLS, 0 },
	{ "makes a keyring", keyring, CALLS, 0 },
	{ "sets its limits", sets_limits, CALLS, 0 },
	{ "listens", listens, CALLS, 0 },
};

static int touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0666);

	return fd < 0 ? -1 : close(fd);
}

/* A kernel or a sandbox around the tests may deny of itself; then a row would hold without our doing. These few need that. */
static bool may_be_denied_anyway(int (*act)(void)) { return act == user_namespace || act == keyring; }

static void it_cannot(void **state)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	(void)state;
	for (size_t i = 0; i < WM_ARRAY_LEN(denied); i++) {
		int rc;

		if (denied[i].by == FILES && abi < denied[i].abi) {
			print_message("# not tried: %s (this kernel has Landlock %ld)\n", denied[i].name, abi);
			continue;
		}
		assert_int_equal(touch(unit_path("victim")), 0);
		assert_int_equal(touch(file), 0);
		rc = in_child(NONE, denied[i].act);
		if (rc && !may_be_denied_anyway(denied[i].act))
			fail_msg("without confinement, too, it fails: %s: %s", denied[i].name, strerror(rc));
		unlink(unit_path("new"));
		rmdir(unit_path("newdir"));
		assert_int_equal(touch(unit_path("victim")), 0);
		rc = in_child(denied[i].by, denied[i].act);
		if (!rc || rc >= 250)
			fail_msg("it still %s (%s): %d", denied[i].name, denied[i].by == FILES ? "Landlock" : "seccomp", rc);
	}
}

/* --- what must go on ----------------------------------------------------------------------- */

static int reads_a_file(void)
{
	char c;
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	return fd < 0 || read(fd, &c, 1) != 1;
}

static void *thread(void *arg) { return arg; }

static int starts_a_thread(void)
{
	pthread_t t;
	void *ret;

	errno = pthread_create(&t, NULL, thread, file);
	return errno || pthread_join(t, &ret) || ret != file;
}

static int looks_a_name_up(void)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *list;
	int rc = getaddrinfo("localhost", "80", &hints, &list);

	if (!rc)
		freeaddrinfo(list);
	return rc;
}

/* To a port of the other end of the test, which listens before the fork. */
static struct sockaddr_in server;

static int connects(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);

	return fd < 0 || (connect(fd, (struct sockaddr *)&server, sizeof(server)) && errno != EINPROGRESS);
}

static int aborts_alone(void)
{
	signal(SIGUSR1, SIG_IGN);
	return raise(SIGUSR1);
}

static void it_still_can(void **state)
{
	static const struct {
		const char *name;
		int (*act)(void);
	} rows[] = {
		{ "read a file", reads_a_file },	{ "start a thread", starts_a_thread },
		{ "look a name up", looks_a_name_up },	{ "connect", connects },
		{ "signal itself", aborts_alone },
	};
	socklen_t len = sizeof(server);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	server = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)&server, len), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&server, &len), 0);
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		int rc = in_child(ALL, rows[i].act);

		if (rc)
			fail_msg("it cannot %s any more: %d (%s)", rows[i].name, rc, strerror(rc));
	}
	close(fd);
}

/* --- who it is then ------------------------------------------------------------------------ */

static int is_nobody(void)
{
	char line[256];
	unsigned long long caps = 1, uid = 0, nnp = 0, mode = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "CapEff: %llx", &caps);
		sscanf(line, "Uid: %llu", &uid);
		sscanf(line, "NoNewPrivs: %llu", &nnp);
		sscanf(line, "Seccomp: %llu", &mode);
	}
	return !f || caps || !uid || nnp != 1 || mode != 2 || setuid(0) == 0;
}

static void it_is_nobody_without_capabilities(void **state)
{
	(void)state;
	if (geteuid()) {
		print_message("# not root: there is nothing to give up\n");
		skip();
	}
	assert_int_equal(in_child(ALL, is_nobody), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_cannot),
		TEST(it_still_can),
		TEST(it_is_nobody_without_capabilities),
	};

	strcpy(file, unit_path("file"));
	return UNIT_RUN("confine", tests);
}
