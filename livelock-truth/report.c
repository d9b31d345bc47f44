// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The books as one JSON document, livelock.truth/v1.
 *
 * In: the threads' books, while they are written. Out: sums per lock and per path. Refuses: to stop the threads
 * for a consistent cut; two numbers of one document may be one visit apart.
 *
 * A wait or hold that still runs is not in total_ns but in open_ns, which is its length so far, taken with the
 * clock of the reader's CPU.
 */
#include <linux/seq_file.h>

#include "truth.h"

#define TRUTH_SCHEMA "livelock.truth/v1"

/* A sum over threads. */
struct truth_sum {
	u64 nr;
	u64 total_ns;
	u64 max_ns;
	u64 open_ns;
	u64 log2[TRUTH_NR_BUCKETS];
};

static void truth_sum_add(struct truth_sum *sum, const struct truth_times *times, u64 now_ns)
{
	u64 open_since_ns = READ_ONCE(times->open_since_ns);
	unsigned int i;

	sum->nr += READ_ONCE(times->nr);
	sum->total_ns += READ_ONCE(times->total_ns);
	sum->max_ns = max(sum->max_ns, READ_ONCE(times->max_ns));
	if (open_since_ns)
		sum->open_ns += truth_span(open_since_ns, now_ns);
	for (i = 0; i < TRUTH_NR_BUCKETS; i++)
		sum->log2[i] += READ_ONCE(times->log2[i]);
}

static void truth_show_sum(struct seq_file *out, const char *name, const struct truth_sum *sum)
{
	unsigned int nr_buckets = TRUTH_NR_BUCKETS;
	unsigned int i;

	while (nr_buckets && !sum->log2[nr_buckets - 1])
		nr_buckets--;
	seq_printf(out, "\"%s\":{\"nr\":%llu,\"total_ns\":%llu,\"max_ns\":%llu,\"open_ns\":%llu,\"log2_histogram\":[",
		   name, sum->nr, sum->total_ns, sum->max_ns, sum->open_ns);
	for (i = 0; i < nr_buckets; i++)
		seq_printf(out, "%s%llu", i ? "," : "", sum->log2[i]);
	seq_puts(out, "]}");
}

/* Buckets that are not empty, as pairs of the longest time in it and how many there are; of the histogram at `offset` of a side. */
static void truth_show_fine_holds(struct seq_file *out, unsigned int index, const char *of, size_t offset)
{
	bool is_first = true;
	unsigned int bucket, i;

	seq_printf(out, ",\"%shold_fine_histogram\":[", of);
	for (bucket = 0; bucket < TRUTH_NR_FINE_BUCKETS; bucket++) {
		u64 nr = 0;

		for (i = 0; i < truth_nr_threads; i++) {
			const void *side = &truth_threads[i].sides[index];
			const u64 *fine = side + offset;

			nr += READ_ONCE(fine[bucket]);
		}
		if (!nr)
			continue;
		seq_printf(out, "%s[%llu,%llu]", is_first ? "" : ",", truth_fine_top_ns(bucket), nr);
		is_first = false;
	}
	seq_putc(out, ']');
}

static void truth_show_lock(struct seq_file *out, unsigned int index, u64 now_ns)
{
	const struct truth_lock *lock = &truth_mode->locks[index];
	u64 nr_acquired = 0, nr_handoffs = 0, nr_failed_trylocks = 0, nr_retries = 0;
	struct truth_sum wait = {}, hold = {};
	unsigned int i;

	for (i = 0; i < truth_nr_threads; i++) {
		const struct truth_side *side = &truth_threads[i].sides[index];

		nr_acquired += READ_ONCE(side->nr_acquired);
		nr_handoffs += READ_ONCE(side->nr_handoffs);
		nr_failed_trylocks += READ_ONCE(side->nr_failed_trylocks);
		nr_retries += READ_ONCE(side->nr_retries);
		truth_sum_add(&wait, &side->wait, now_ns);
		truth_sum_add(&hold, &side->hold, now_ns);
	}
	seq_printf(out, "%s{\"name\":\"%s\",\"kind\":\"%s\",\"addr\":\"0x%lx\",\"nr_acquired\":%llu,", index ? "," : "",
		   lock->name, lock->kind, (unsigned long)lock->addr, nr_acquired);
	seq_printf(out, "\"nr_handoffs\":%llu,\"nr_failed_trylocks\":%llu,\"nr_retries\":%llu,", nr_handoffs,
		   nr_failed_trylocks, nr_retries);
	truth_show_sum(out, "wait", &wait);
	seq_putc(out, ',');
	truth_show_sum(out, "hold", &hold);
	truth_show_fine_holds(out, index, "", offsetof(struct truth_side, hold_fine));
	truth_show_fine_holds(out, index, "waited_", offsetof(struct truth_side, waited_hold_fine));
	truth_show_fine_holds(out, index, "in_line_", offsetof(struct truth_side, in_line_hold_fine));
	if (!index && truth_has_events())
		truth_show_fine_holds(out, index, "event_", offsetof(struct truth_side, event_hold_fine));
	seq_putc(out, '}');
}

/* One entry per path: who held, who waited, what was completed. */
static void truth_show_path(struct seq_file *out, unsigned int role_index, u64 now_ns)
{
	const struct truth_role *role = &truth_mode->roles[role_index];
	struct truth_sum wait = {}, hold = {};
	unsigned int nr_threads = 0;
	u64 nr_ops = 0;
	unsigned int i, index;

	for (i = 0; i < truth_nr_threads; i++) {
		const struct truth_thread *thread = &truth_threads[i];

		if (thread->role != role)
			continue;
		nr_threads++;
		nr_ops += READ_ONCE(thread->nr_ops);
		for (index = 0; index < TRUTH_MAX_LOCKS; index++) {
			truth_sum_add(&wait, &thread->sides[index].wait, now_ns);
			truth_sum_add(&hold, &thread->sides[index].hold, now_ns);
		}
	}
	seq_printf(out, "%s{\"function\":\"%s\",\"nr_threads\":%u,\"nr_ops\":%llu,\"nr_holds\":%llu,",
		   role_index ? "," : "", role->function, nr_threads, nr_ops, hold.nr);
	seq_printf(out, "\"hold_ns\":%llu,\"hold_open_ns\":%llu,\"hold_max_ns\":%llu,", hold.total_ns, hold.open_ns,
		   hold.max_ns);
	seq_printf(out, "\"wait_ns\":%llu,\"wait_open_ns\":%llu,\"wait_max_ns\":%llu}", wait.total_ns, wait.open_ns,
		   wait.max_ns);
}

static void truth_show_threads(struct seq_file *out, u64 now_ns)
{
	unsigned int i, index;

	for (i = 0; i < truth_nr_threads; i++) {
		const struct truth_thread *thread = &truth_threads[i];
		struct truth_sum wait = {}, hold = {};

		for (index = 0; index < TRUTH_MAX_LOCKS; index++) {
			truth_sum_add(&wait, &thread->sides[index].wait, now_ns);
			truth_sum_add(&hold, &thread->sides[index].hold, now_ns);
		}
		seq_printf(out, "%s{\"cpu\":%u,\"function\":\"%s\",\"nr_ops\":%llu,\"wait_ns\":%llu,\"hold_ns\":%llu}",
			   i ? "," : "", thread->cpu, thread->role->function, READ_ONCE(thread->nr_ops),
			   wait.total_ns + wait.open_ns, hold.total_ns + hold.open_ns);
	}
}

int truth_show(struct seq_file *out, void *unused)
{
	u64 now_ns = truth_now();
	u64 nr_ops = 0;
	unsigned int i;

	for (i = 0; i < truth_nr_threads; i++)
		nr_ops += READ_ONCE(truth_threads[i].nr_ops);
	seq_printf(out, "{\"schema\":\"" TRUTH_SCHEMA "\",\"mode\":\"%s\",\"is_over\":%s,", truth_mode->name,
		   truth_is_over() ? "true" : "false");
	seq_printf(out, "\"parameters\":{\"nr_threads\":%u,\"hold_ns\":%llu,\"work_ns\":%llu,\"duration_ms\":%llu},",
		   truth_nr_threads, truth_hold_ns, truth_work_ns, truth_duration_ms);
	seq_printf(out, "\"clock\":{\"source\":\"sched_clock\",\"cost_ns\":%llu},\"now_ns\":%llu,\"elapsed_ns\":%llu,",
		   truth_clock_cost_ns, now_ns, truth_span(truth_begin_ns, now_ns));
	seq_printf(out, "\"nr_ops\":%llu,\"locks\":[", nr_ops);
	for (i = 0; i < TRUTH_MAX_LOCKS && truth_mode->locks[i].name; i++)
		truth_show_lock(out, i, now_ns);
	seq_puts(out, "],\"paths\":[");
	for (i = 0; i < ARRAY_SIZE(truth_mode->roles) && truth_mode->roles[i].function; i++)
		truth_show_path(out, i, now_ns);
	seq_puts(out, "],\"threads\":[");
	truth_show_threads(out, now_ns);
	seq_puts(out, "]}\n");
	return 0;
}
