// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Loops that try again: trylock, sequence counters, compare-and-exchange. No lock event of the kernel shows them.
 *
 * In: threads. Out: visits, failures and retries in their books. Refuses: to retry beyond the end of the run.
 */
#include <linux/atomic.h>
#include <linux/processor.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>

#include "truth.h"

/* Operations per step: the clock is read only where one fails. */
#define TRUTH_CMPXCHG_BATCH 64

static DEFINE_SPINLOCK(truth_cycle_a_lock);
static DEFINE_SPINLOCK(truth_cycle_b_lock);
static DEFINE_SEQLOCK(truth_storm_seqlock);
static atomic64_t truth_hot_line ____cacheline_aligned_in_smp;
static struct truth_guarded truth_cycle_a_guarded;
static struct truth_guarded truth_cycle_b_guarded;
static struct truth_guarded truth_seq_guarded;

/* One side of a hallway; a cache line for the lock and one for what it guards, so that hallways do not disturb each other. */
struct truth_hallway_side {
	spinlock_t lock;
	struct truth_guarded guarded;
};

/* Two threads to a hallway: thread 2i stands on the left of hallway i, thread 2i+1 on its right. */
#define TRUTH_MAX_HALLWAYS (TRUTH_MAX_THREADS / 2)
static struct truth_hallway_side truth_left_lock[TRUTH_MAX_HALLWAYS] = {
	[0 ... TRUTH_MAX_HALLWAYS - 1] = { .lock = __SPIN_LOCK_UNLOCKED(truth_left_lock) },
};
static struct truth_hallway_side truth_right_lock[TRUTH_MAX_HALLWAYS] = {
	[0 ... TRUTH_MAX_HALLWAYS - 1] = { .lock = __SPIN_LOCK_UNLOCKED(truth_right_lock) },
};

/*
 * Two who meet in a hallway: each stands on its own side (own lock), looks for up to hold_ns whether the other comes,
 * tries to pass (trylock of the other's), and if that fails stands for work_ns, steps back for work_ns and comes again.
 * Seeing each other puts them in step, and from then on both stand and step back together. They pass only when one of
 * them was kept away for longer than the other looks or stands.
 */
static __always_inline void truth_hallway(struct truth_thread *thread, struct truth_hallway_side *own,
					  unsigned int own_index, struct truth_hallway_side *other)
{
	struct truth_side *own_side = &thread->sides[own_index];
	struct truth_side *other_side = &thread->sides[!own_index];
	struct truth_visit own_visit, other_visit;
	bool has_passed;

	truth_ask(own_side, &own_visit);
	spin_lock(&own->lock);
	truth_got(thread, own_side, &own_visit, &own->guarded);
	while (!spin_is_locked(&other->lock) && truth_span(own_visit.got_ns, truth_now()) < truth_hold_ns)
		cpu_relax();
	other_visit.asked_ns = truth_now();
	has_passed = spin_trylock(&other->lock);
	if (has_passed) {
		truth_got(thread, other_side, &other_visit, &other->guarded);
		truth_leave(other_side, &other_visit);
		spin_unlock(&other->lock);
	} else {
		/* The other, who saw us a little later, must still meet us here. */
		truth_burn_holding(truth_work_ns);
	}
	truth_leave(own_side, &own_visit);
	spin_unlock(&own->lock);
	truth_record(own_side, &own_visit);
	if (has_passed) {
		truth_record(other_side, &other_visit);
		truth_op_done(thread);
	} else {
		truth_trylock_failed(other_side);
		truth_retried(own_side);
	}
	truth_burn_working(truth_work_ns);
	barrier();
}

static noinline void truth_hallway_left_path(struct truth_thread *thread)
{
	unsigned int hallway = thread->index / 2;

	truth_hallway(thread, &truth_left_lock[hallway], 0, &truth_right_lock[hallway]);
}

static noinline void truth_hallway_right_path(struct truth_thread *thread)
{
	unsigned int hallway = thread->index / 2;

	truth_hallway(thread, &truth_right_lock[hallway], 1, &truth_left_lock[hallway]);
}

/* Half of the threads nest A and B one way, half the other way; only the trylock keeps them from a deadlock. */
static __always_inline void truth_cycle(struct truth_thread *thread, spinlock_t *outer,
					struct truth_guarded *outer_guarded, unsigned int outer_index,
					spinlock_t *inner, struct truth_guarded *inner_guarded)
{
	struct truth_side *outer_side = &thread->sides[outer_index];
	struct truth_side *inner_side = &thread->sides[!outer_index];
	struct truth_visit outer_visit, inner_visit;
	bool has_both;

	truth_ask(outer_side, &outer_visit);
	spin_lock(outer);
	truth_got(thread, outer_side, &outer_visit, outer_guarded);
	truth_burn_holding(truth_hold_ns);
	inner_visit.asked_ns = truth_now();
	has_both = spin_trylock(inner);
	if (has_both) {
		truth_got(thread, inner_side, &inner_visit, inner_guarded);
		truth_burn_holding(truth_hold_ns);
		truth_leave(inner_side, &inner_visit);
		spin_unlock(inner);
	}
	truth_leave(outer_side, &outer_visit);
	spin_unlock(outer);
	truth_record(outer_side, &outer_visit);
	if (has_both) {
		truth_record(inner_side, &inner_visit);
		truth_op_done(thread);
	} else {
		truth_trylock_failed(inner_side);
		truth_retried(outer_side);
	}
	truth_burn_working(truth_work_ns);
	barrier();
}

static noinline void truth_cycle_forward_path(struct truth_thread *thread)
{
	truth_cycle(thread, &truth_cycle_a_lock, &truth_cycle_a_guarded, 0, &truth_cycle_b_lock,
		    &truth_cycle_b_guarded);
}

static noinline void truth_cycle_backward_path(struct truth_thread *thread)
{
	truth_cycle(thread, &truth_cycle_b_lock, &truth_cycle_b_guarded, 1, &truth_cycle_a_lock,
		    &truth_cycle_a_guarded);
}

static noinline void truth_seq_writer_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	struct truth_visit visit;

	truth_ask(side, &visit);
	write_seqlock(&truth_storm_seqlock);
	truth_got(thread, side, &visit, &truth_seq_guarded);
	truth_leave(side, &visit);
	write_sequnlock(&truth_storm_seqlock);
	truth_record(side, &visit);
	truth_op_done(thread);
	truth_burn_working(truth_work_ns);
	barrier();
}

/* The wait is the time from the first attempt to the begin of the one that held. */
static noinline void truth_seq_reader_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	struct truth_visit visit;
	unsigned int seq;
	u64 value;

	truth_ask(side, &visit);
	for (;;) {
		seq = read_seqbegin(&truth_storm_seqlock);
		visit.got_ns = truth_now();
		value = READ_ONCE(truth_seq_guarded.counter);
		truth_burn_holding(truth_hold_ns);
		OPTIMIZER_HIDE_VAR(value);
		if (!read_seqretry(&truth_storm_seqlock, seq))
			break;
		truth_retried(side);
		/* A wait that the end of the run cuts off stays in the report as an open one. */
		if (truth_is_over())
			return;
		cond_resched();
	}
	truth_leave(side, &visit);
	visit.is_handoff = false;
	WRITE_ONCE(side->wait.open_since_ns, 0);
	truth_record(side, &visit);
	truth_op_done(thread);
}

/* The wait is the time from the first failed exchange to the one that succeeded. */
static noinline void truth_cmpxchg_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	unsigned int i;

	for (i = 0; i < TRUTH_CMPXCHG_BATCH; i++) {
		s64 seen = atomic64_read(&truth_hot_line);
		u64 failed_ns = 0;

		for (;;) {
			truth_burn_holding(truth_hold_ns);
			if (atomic64_try_cmpxchg(&truth_hot_line, &seen, seen + 1))
				break;
			if (!failed_ns) {
				failed_ns = truth_now();
				WRITE_ONCE(side->wait.open_since_ns, failed_ns);
			}
			truth_retried(side);
			if (truth_is_over())
				return;
		}
		if (failed_ns) {
			WRITE_ONCE(side->wait.open_since_ns, 0);
			truth_times_add(&side->wait, truth_span(failed_ns, truth_now()));
		}
		WRITE_ONCE(side->nr_acquired, side->nr_acquired + 1);
		truth_op_done(thread);
		truth_burn_working(truth_work_ns);
	}
}

const struct truth_mode truth_retry_modes[] = {
	{
		.name = "trylock-hallway",
		/* The sums of all hallways, with the addresses of the first. */
		.locks = { { "truth_left_lock", "spinlock", &truth_left_lock[0].lock },
			   { "truth_right_lock", "spinlock", &truth_right_lock[0].lock } },
		.roles = { { "truth_hallway_left_path", truth_hallway_left_path },
			   { "truth_hallway_right_path", truth_hallway_right_path } },
		.stride = 2,
		.group_size = 2,
		/* Looks far longer than the other steps back. */
		.hold_ns = 2000000,
		.work_ns = 5000,
	},
	{
		.name = "lock-cycle",
		.locks = { { "truth_cycle_a_lock", "spinlock", &truth_cycle_a_lock },
			   { "truth_cycle_b_lock", "spinlock", &truth_cycle_b_lock } },
		.roles = { { "truth_cycle_forward_path", truth_cycle_forward_path },
			   { "truth_cycle_backward_path", truth_cycle_backward_path } },
		.stride = 2,
		.hold_ns = 5000,
	},
	{
		.name = "seqcount",
		.locks = { { "truth_storm_seqlock", "seqlock", &truth_storm_seqlock } },
		.roles = { { "truth_seq_writer_path", truth_seq_writer_path },
			   { "truth_seq_reader_path", truth_seq_reader_path } },
		/* Readers need longer than the writer pauses, also where its CPU is a guest's that loses a time slice. */
		.hold_ns = 10000000,
		.work_ns = 1000,
	},
	{
		.name = "cmpxchg",
		.locks = { { "truth_hot_line", "atomic64", &truth_hot_line } },
		.roles = { { "truth_cmpxchg_path", truth_cmpxchg_path } },
	},
	{ },
};
