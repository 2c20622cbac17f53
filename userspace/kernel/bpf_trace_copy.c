/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The real programs once more, on the live maps that say who is who, and on
 * copies of those that programs write. So they decide as the live ones would,
 * nothing live changes, and the live ones have no part in it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "kernel/bpf_trace_priv.h"

#define SMALL 256 /* entries of a copy that holds what concerns one packet */

static int copy_entry(const struct wm_bpf_tracing *job, enum wm_bpf_map map, uint32_t index, void *value)
{
	int rc = bpf_map_lookup_elem(job->live.map[map], &index, value);

	return rc ? rc : bpf_map_update_elem(job->set.map[map], &index, value, BPF_ANY);
}

static int copy_end(const struct wm_bpf_tracing *job, wm_ip4 overlay)
{
	const struct wm_host_info *h = overlay ? wm_bpf_trace_host(job, overlay) : NULL;
	struct wm_flow_bucket bucket;
	int rc = 0;

	for (uint32_t b = 0; !rc && h && h->share && b < WM_FLOW_BUCKETS; b++)
		rc = copy_entry(job, WM_BPF_FLOWS, (h->share - 1) * WM_FLOW_BUCKETS + b, &bucket);
	return rc;
}

/* All entries of a hash whose key has one of these addresses in its first two words. */
static int copy_hash(const struct wm_bpf_tracing *job, enum wm_bpf_map map, wm_ip4 a, wm_ip4 b)
{
	uint32_t key[4], previous[4];
	int from = job->live.map[map], rc = 0;
	uint64_t value[2];

	for (uint32_t i = 0; !rc && i < job->live.size[map] && !bpf_map_get_next_key(from, i ? previous : NULL, key); i++) {
		memcpy(previous, key, sizeof(key));
		if ((ntohl(key[0]) == a && ntohl(key[1]) == b) || (ntohl(key[0]) == b && ntohl(key[1]) == a)) {
			if (!bpf_map_lookup_elem(from, key, value))
				rc = bpf_map_update_elem(job->set.map[map], key, value, BPF_ANY);
		}
	}
	return rc;
}

/* All of them: what an ICMP error quotes may be anybody's. */
static int copy_hosts(const struct wm_bpf_tracing *job)
{
	size_t len = (size_t)job->content.naddrs * sizeof(*job->content.hosts);
	void *mapped = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, job->set.map[WM_BPF_HOSTS], 0);

	if (mapped == MAP_FAILED)
		return -errno;
	memcpy(mapped, job->content.hosts, len);
	munmap(mapped, len);
	return 0;
}

int wm_bpf_trace_copy(struct wm_bpf_tracing *job, enum wm_bpf_prog prog, wm_ip4 src, wm_ip4 dst)
{
	static const bool share[WM_BPF_MAPS] = { [WM_BPF_LAN_HOSTS] = true,
						  [WM_BPF_LAN_HINTS] = true, [WM_BPF_LANS] = true };
	struct wm_params params = job->live.meta.params;
	uint32_t size[WM_BPF_MAPS];
	struct wm_rate rate;
	int rc;

	memcpy(size, job->live.size, sizeof(size));
	size[WM_BPF_HOST_STATS] = size[WM_BPF_HOST_DROPS] = 1; /* nobody looks at them */
	size[WM_BPF_FLOWS_HALF] = size[WM_BPF_FRAGS] = size[WM_BPF_DROPS] = SMALL;
	size[WM_BPF_DROP_EVENTS] = (uint32_t)sysconf(_SC_PAGESIZE);
	params.wg_l2_len = ETH_HLEN; /* as all that is run in a test has */
	rc = wm_bpf_load_one(&params, &job->live, share, size, prog, &job->set, job->err);
	if (rc)
		return rc;
	rc = copy_hosts(job);
	if (!rc)
		rc = copy_end(job, src);
	if (!rc)
		rc = copy_end(job, dst);
	if (!rc)
		rc = copy_hash(job, WM_BPF_FLOWS_HALF, src, dst);
	if (!rc)
		rc = copy_hash(job, WM_BPF_FRAGS, src, dst);
	for (uint32_t lan = 0; !rc && lan < WM_LAN_SLOTS; lan++)
		rc = copy_entry(job, WM_BPF_ROUTER_ERRORS, lan, &rate);
	return rc ? wm_bpf_fail(job->err, rc, "cannot copy what the data plane remembers") : 0;
}

int wm_bpf_trace_load(struct wm_bpf_tracing *job, enum wm_bpf_prog prog)
{
	struct wm_bpf_set before = job->set;
	bool share[WM_BPF_MAPS];
	int rc;

	memset(share, true, sizeof(share));
	rc = wm_bpf_load_one(&before.meta.params, &before, share, before.size, prog, &job->set, job->err);
	if (!rc)
		wm_bpf_set_close(&before);
	return rc;
}
