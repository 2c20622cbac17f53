/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "registry/reports.h"

#include <stdlib.h>
#include <string.h>

#include "core/util.h"

/* Where domain is, or would have to be. */
static size_t place(const struct reports *reports, const char *domain)
{
	return wm_place(reports->list, reports->n, sizeof(reports->list[0]), domain);
}

static int is_at(const struct reports *reports, size_t i, const char *domain)
{
	return i < reports->n && !strcmp(reports->list[i].domain, domain);
}

int reports_put(struct reports *reports, struct report *report)
{
	size_t i = place(reports, report->domain);

	if (!is_at(reports, i, report->domain)) {
		int rc = wm_grow((void **)&reports->list, &reports->capacity, reports->n + 1, sizeof(*report));

		if (rc)
			return rc;
		memmove(&reports->list[i + 1], &reports->list[i], (reports->n - i) * sizeof(*report));
		reports->n++;
	} else {
		report_clear(&reports->list[i]);
	}
	reports->list[i] = *report;
	*report = (struct report){ 0 };
	return 0;
}

const struct report *reports_next(const struct reports *reports, const char *domain)
{
	size_t i = place(reports, domain);

	i += is_at(reports, i, domain);
	return i < reports->n ? &reports->list[i] : NULL;
}

const struct report *reports_find(const struct reports *reports, const char *domain)
{
	size_t i = place(reports, domain);

	return is_at(reports, i, domain) ? &reports->list[i] : NULL;
}

void reports_forget(struct reports *reports, const char *domain)
{
	size_t i = place(reports, domain);

	if (!is_at(reports, i, domain))
		return;
	report_clear(&reports->list[i]);
	reports->n--;
	memmove(&reports->list[i], &reports->list[i + 1], (reports->n - i) * sizeof(reports->list[0]));
}

void reports_free(struct reports *reports)
{
	for (size_t i = 0; i < reports->n; i++)
		report_clear(&reports->list[i]);
	free(reports->list);
	*reports = (struct reports){ 0 };
}
