/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Log lines on stderr, one event a line. Under systemd (JOURNAL_STREAM is
 * set) they carry the <N> priority prefix of sd-daemon(3).
 * Never pass a secret; there is no filter behind this.
 */
#pragma once

enum wm_log_level { WM_LOG_ERROR, WM_LOG_WARNING, WM_LOG_INFO, WM_LOG_DEBUG };

/* ident ("wm-gateway[a]") is borrowed, not copied. Default level: INFO. */
void wm_log_open(const char *ident, enum wm_log_level most);
void wm_log(enum wm_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define wm_error(...) wm_log(WM_LOG_ERROR, __VA_ARGS__)
#define wm_warning(...) wm_log(WM_LOG_WARNING, __VA_ARGS__)
#define wm_info(...) wm_log(WM_LOG_INFO, __VA_ARGS__)
#define wm_debug(...) wm_log(WM_LOG_DEBUG, __VA_ARGS__)
