// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Holds as the kernel's own events bound them: from the lock:contention_end of a thread to its lock:contended_release.
 *
 * In: both tracepoints, of the first lock of the mode. Out: a histogram in the books of the thread that holds. Refuses:
 * kernels without lock:contended_release (before v7.2), and locks that do not show whether somebody stands in line.
 *
 * The other books are closed inside of these: they begin after the lock function has come back, and end before the
 * next one is called. A virtual CPU that stands still between such a reading and the event is in these holds and not
 * in those, although the lock is held. The event of a release comes after the release itself: if somebody else has it
 * by then, the hold ends with his contention_end, read on his CPU: their clocks are those of one machine, and as far
 * apart as it lets them be. True holds are not shorter than those, and not longer than these but for a CPU that stands
 * still after it got the lock and before it says so.
 */
#include <linux/errno.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "truth.h"

/* Who got it last after a wait. The lock guards it. */
static struct truth_side *truth_last_side;
static struct tracepoint *truth_end_event;
static struct tracepoint *truth_release_event;

/* The books of the running thread, if `lock` is the one that it walks around. */
static struct truth_side *truth_side_of(const void *lock)
{
	struct truth_thread *thread;

	/* Nobody but threads of ours takes it, and their data are the books. */
	if (lock != truth_mode->locks[0].addr || !(current->flags & PF_KTHREAD))
		return NULL;
	thread = kthread_data(current);
	return thread ? &thread->sides[0] : NULL;
}

static void truth_on_contention_end(void *unused, void *lock, int ret)
{
	struct truth_side *side = truth_side_of(lock);
	struct truth_side *last;
	u64 now_ns;

	if (!side || ret)
		return;
	now_ns = truth_now();
	last = truth_last_side;
	if (last && last != side && !READ_ONCE(last->event_passed_ns))
		WRITE_ONCE(last->event_passed_ns, now_ns);
	WRITE_ONCE(side->event_passed_ns, 0);
	side->event_since_ns = truth_mode->locks[0].has_line(lock) ? now_ns : 0;
	truth_last_side = side;
}

static void truth_on_contended_release(void *unused, void *lock)
{
	struct truth_side *side = truth_side_of(lock);
	u64 now_ns, passed_ns, end_ns, *fine;

	if (!side || !side->event_since_ns)
		return;
	now_ns = truth_now();
	passed_ns = READ_ONCE(side->event_passed_ns);
	end_ns = passed_ns ? min(passed_ns, now_ns) : now_ns;
	fine = &side->event_hold_fine[truth_fine_bucket(truth_span(side->event_since_ns, end_ns))];
	WRITE_ONCE(*fine, *fine + 1);
	side->event_since_ns = 0;
}

static void truth_note_event(struct tracepoint *event, void *unused)
{
	if (!strcmp(event->name, "contention_end"))
		truth_end_event = event;
	else if (!strcmp(event->name, "contended_release"))
		truth_release_event = event;
}

bool truth_has_events(void)
{
	return truth_end_event && truth_release_event && truth_mode->locks[0].has_line;
}

int truth_start_events(void)
{
	int err;

	for_each_kernel_tracepoint(truth_note_event, NULL);
	if (!truth_has_events())
		return 0;
	err = tracepoint_probe_register(truth_end_event, truth_on_contention_end, NULL);
	if (err)
		return err;
	err = tracepoint_probe_register(truth_release_event, truth_on_contended_release, NULL);
	if (err) {
		tracepoint_probe_unregister(truth_end_event, truth_on_contention_end, NULL);
		tracepoint_synchronize_unregister();
	}
	return err;
}

void truth_stop_events(void)
{
	if (!truth_has_events())
		return;
	tracepoint_probe_unregister(truth_release_event, truth_on_contended_release, NULL);
	tracepoint_probe_unregister(truth_end_event, truth_on_contention_end, NULL);
	/* Probes that still run use the books. */
	tracepoint_synchronize_unregister();
}
