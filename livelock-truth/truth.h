/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What every mode of the ground-truth module shares: threads, their books, and how a visit to a lock is timed.
 *
 * In: calls of the paths around each lock operation. Out: counters that only their own thread writes, so that
 * measuring moves no cache line that the pathology does not move anyway; the report sums them.
 * Refuses: kernels without a 64-bit word, because a counter is read while it is written.
 *
 * The clock is sched_clock(): on x86 the time stamp counter of the own CPU in nanoseconds, 50 to 60 ns a reading in an
 * emulated guest; what it costs on the running machine is measured and stands in the report (clock.cost_ns). It is what local_clock() is built on. local_clock() itself does not do: once the counter is
 * marked unstable, as it soon is in an emulated guest, it runs at most one tick ahead of the last tick, so it stands
 * still where interrupts stay off, and a loop that waits for it never ends. ktime_get_mono_fast_ns() would be right
 * but follows the clocksource, and in such a guest each reading of the HPET leaves the CPU. Threads are bound to a
 * CPU, so all intervals but those of events.c begin and end on one clock. Two readings per visit are taken while the lock is held; one of
 * them counts as hold time.
 */
#ifndef LIVELOCK_TRUTH_H
#define LIVELOCK_TRUTH_H

#include <linux/bitops.h>
#include <linux/cache.h>
#include <linux/compiler.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/seq_file.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#ifndef CONFIG_64BIT
#error "the books need 64-bit words that are read whole"
#endif

/* Locks of one mode: no pathology here needs three. */
#define TRUTH_MAX_LOCKS 2
/* Bucket i holds times of [2^(i-1), 2^i) ns, bucket 0 the zeros; the last one everything from 2^38 ns (4.6 min). */
#define TRUTH_NR_BUCKETS 40
/*
 * Buckets of holds, 32 an octave, so that a percentile is off by 3 % at most: times below 2^6 ns have one each, a
 * longer one, of 2^(5+octave) ns and more, has bucket octave * 32 + (ns >> octave). The last one has everything from 63 * 2^33 ns (9 min).
 */
#define TRUTH_FINE_SHIFT 5
#define TRUTH_NR_FINE_BUCKETS ((TRUTH_NR_BUCKETS - TRUTH_FINE_SHIFT) << TRUTH_FINE_SHIFT)

/* Times of one kind on one lock, written by one thread. */
struct truth_times {
	u64 nr;
	u64 total_ns;
	u64 max_ns;
	/* Begin of the one that still runs; 0 if none does. */
	u64 open_since_ns;
	u64 log2[TRUTH_NR_BUCKETS];
};

/* One thread's books about one lock. */
struct truth_side {
	u64 nr_acquired;
	/* Acquisitions after another thread had it last. */
	u64 nr_handoffs;
	u64 nr_failed_trylocks;
	u64 nr_retries;
	struct truth_times wait;
	struct truth_times hold;
	u64 hold_fine[TRUTH_NR_FINE_BUCKETS];
	/* Of those who did not get it at once; of sleeping locks alone. */
	u64 waited_hold_fine[TRUTH_NR_FINE_BUCKETS];
	/* Holds that began and ended with somebody in line; of sleeping locks alone. */
	u64 in_line_hold_fine[TRUTH_NR_FINE_BUCKETS];
	/* The same holds as the kernel's events bound them; begin of the one that still runs, 0 if none does. */
	u64 event_since_ns;
	/* When the next one had it, who writes this; 0 if nobody has yet. */
	u64 event_passed_ns;
	u64 event_hold_fine[TRUTH_NR_FINE_BUCKETS];
};

struct truth_role;

/* One actor: a kthread bound to a CPU, or a work item where the mode says so. */
struct truth_thread {
	const struct truth_role *role;
	struct task_struct *task;
	unsigned int index;
	unsigned int cpu;
	/* Completed operations: what the load would call progress. */
	u64 nr_ops;
	struct truth_side sides[TRUTH_MAX_LOCKS];
	/* Work-queue mode: the item, when it was queued, and the work queue that it goes back to. */
	struct work_struct work;
	u64 queued_ns;
	/* RCU mode: callbacks under way; written by callbacks as well. */
	atomic_t nr_pending;
} ____cacheline_aligned_in_smp;

/* What a lock guards: the counter makes the critical section real, the owner makes hand-offs countable. */
struct truth_guarded {
	u64 counter;
	const struct truth_thread *last_owner;
} ____cacheline_aligned_in_smp;

/* A path that threads walk. */
struct truth_role {
	const char *function;
	/* One operation; called in a loop, with cond_resched() between. NULL for work items. */
	void (*step)(struct truth_thread *thread);
};

struct truth_lock {
	const char *name;
	const char *kind;
	const void *addr;
	/* Does somebody stand in line, asleep or about to be? NULL for locks that do not show it. */
	bool (*has_line)(const void *addr);
};

struct truth_mode {
	const char *name;
	struct truth_lock locks[TRUTH_MAX_LOCKS];
	struct truth_role roles[2];
	/* Every stride-th thread walks the first role, the others the second; 0: only the first thread does. */
	unsigned int stride;
	/* Threads that belong together; those left over are not started. 0 counts as 1. */
	unsigned int group_size;
	/* Neighbours that share a CPU; 0 counts as 1. */
	unsigned int threads_per_cpu;
	/* What hold_ns and work_ns are if the parameters are not given. */
	u64 hold_ns;
	u64 work_ns;
	/* For actors that are not kthreads; both or none. stop() is called after start() succeeded. */
	int (*start)(struct truth_thread *threads, unsigned int nr_threads);
	void (*stop)(struct truth_thread *threads, unsigned int nr_threads);
};

/* More threads than any guest of ours has CPUs, and few enough for their books to fit. */
#define TRUTH_MAX_THREADS 1024

/* The modes, each in the file of its kind; ended by an entry without a name. */
extern const struct truth_mode truth_spin_modes[];
extern const struct truth_mode truth_sleep_modes[];
extern const struct truth_mode truth_retry_modes[];
extern const struct truth_mode truth_flood_modes[];
extern const struct truth_mode truth_softirq_modes[];

/* The run; constant while threads live, except the flag. */
extern const struct truth_mode *truth_mode;
extern struct truth_thread *truth_threads;
extern unsigned int truth_nr_threads;
extern u64 truth_hold_ns;
extern u64 truth_work_ns;
extern u64 truth_duration_ms;
extern u64 truth_begin_ns;
extern u64 truth_clock_cost_ns;

bool truth_is_over(void);
/* Whether the kernel tells of ends of waits and of releases, of a lock that shows its line. */
bool truth_has_events(void);
int truth_start_events(void);
void truth_stop_events(void);
int truth_show(struct seq_file *out, void *unused);

/* Busy loops under distinct names, so that a profile tells burning inside of a lock from work outside of it. */
void truth_burn_holding(u64 ns);
void truth_burn_working(u64 ns);

static __always_inline u64 truth_now(void)
{
	return sched_clock();
}

static inline void truth_times_add(struct truth_times *times, u64 ns)
{
	unsigned int bucket = min_t(unsigned int, fls64(ns), TRUTH_NR_BUCKETS - 1);

	WRITE_ONCE(times->nr, times->nr + 1);
	WRITE_ONCE(times->total_ns, times->total_ns + ns);
	WRITE_ONCE(times->log2[bucket], times->log2[bucket] + 1);
	if (ns > times->max_ns)
		WRITE_ONCE(times->max_ns, ns);
}

static inline unsigned int truth_fine_bucket(u64 ns)
{
	unsigned int octave = fls64(ns | BIT_ULL(TRUTH_FINE_SHIFT)) - 1 - TRUTH_FINE_SHIFT;
	u64 bucket = ((u64)octave << TRUTH_FINE_SHIFT) + (ns >> octave);

	return min_t(u64, bucket, TRUTH_NR_FINE_BUCKETS - 1);
}

/* The longest time of a bucket. */
static inline u64 truth_fine_top_ns(unsigned int bucket)
{
	unsigned int octave = bucket >> TRUTH_FINE_SHIFT;

	/* The first two octaves have buckets of a nanosecond. */
	octave = octave ? octave - 1 : 0;
	return ((bucket - ((u64)octave << TRUTH_FINE_SHIFT) + 1) << octave) - 1;
}

/* The time from one reading to a later one; never negative, also where a clock stepped back. */
static inline u64 truth_span(u64 from_ns, u64 to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

/* One visit to a lock. */
struct truth_visit {
	u64 asked_ns;
	u64 got_ns;
	u64 left_ns;
	bool is_handoff;
	bool has_waited;
	/* Somebody stood in line when it was got, and when it was left. */
	bool got_in_line;
	bool left_in_line;
};

/* Before the lock is asked for. */
static __always_inline void truth_ask(struct truth_side *side, struct truth_visit *visit)
{
	visit->asked_ns = truth_now();
	/* Nothing told of the end of the last hold if nobody stood in line by then. */
	side->event_since_ns = 0;
	visit->has_waited = false;
	visit->got_in_line = false;
	visit->left_in_line = false;
	WRITE_ONCE(side->wait.open_since_ns, visit->asked_ns);
}

/* With the lock held. Without `guarded` (shared holds) hand-offs are not counted. */
static __always_inline void truth_got(struct truth_thread *thread, struct truth_side *side,
				      struct truth_visit *visit, struct truth_guarded *guarded)
{
	visit->got_ns = truth_now();
	WRITE_ONCE(side->wait.open_since_ns, 0);
	WRITE_ONCE(side->hold.open_since_ns, visit->got_ns);
	visit->is_handoff = false;
	if (guarded) {
		WRITE_ONCE(guarded->counter, guarded->counter + 1);
		visit->is_handoff = guarded->last_owner != thread;
		guarded->last_owner = thread;
	}
}

/*
 * Just before it is released. The open hold ends here, not after the release: that may reschedule, to the reader of
 * the books for one.
 */
static __always_inline void truth_leave(struct truth_side *side, struct truth_visit *visit)
{
	visit->left_ns = truth_now();
	WRITE_ONCE(side->hold.open_since_ns, 0);
}

/* After it was released, so that bookkeeping lengthens no critical section. */
static __always_inline void truth_record(struct truth_side *side, const struct truth_visit *visit)
{
	u64 held_ns = truth_span(visit->got_ns, visit->left_ns);
	unsigned int bucket = truth_fine_bucket(held_ns);
	u64 *fine = &side->hold_fine[bucket];
	u64 *waited_fine = &side->waited_hold_fine[bucket];
	u64 *in_line_fine = &side->in_line_hold_fine[bucket];

	WRITE_ONCE(side->nr_acquired, side->nr_acquired + 1);
	WRITE_ONCE(side->nr_handoffs, side->nr_handoffs + visit->is_handoff);
	truth_times_add(&side->wait, truth_span(visit->asked_ns, visit->got_ns));
	truth_times_add(&side->hold, held_ns);
	WRITE_ONCE(*fine, *fine + 1);
	if (visit->has_waited)
		WRITE_ONCE(*waited_fine, *waited_fine + 1);
	if (visit->got_in_line && visit->left_in_line)
		WRITE_ONCE(*in_line_fine, *in_line_fine + 1);
}

static __always_inline void truth_op_done(struct truth_thread *thread)
{
	WRITE_ONCE(thread->nr_ops, thread->nr_ops + 1);
}

static __always_inline void truth_retried(struct truth_side *side)
{
	WRITE_ONCE(side->nr_retries, side->nr_retries + 1);
}

static __always_inline void truth_trylock_failed(struct truth_side *side)
{
	WRITE_ONCE(side->nr_failed_trylocks, side->nr_failed_trylocks + 1);
}

#endif
