// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Spinlocks: hot, with interrupts off, held long, and held by another function than the ones that wait.
 *
 * In: threads. Out: visits in their books. Refuses: to sleep or reschedule with a lock held.
 */
#include <linux/spinlock.h>

#include "truth.h"

static DEFINE_SPINLOCK(truth_hot_lock);
static DEFINE_SPINLOCK(truth_irqoff_lock);
static DEFINE_SPINLOCK(truth_long_lock);
static DEFINE_SPINLOCK(truth_named_lock);
static struct truth_guarded truth_hot_guarded;
static struct truth_guarded truth_irqoff_guarded;
static struct truth_guarded truth_long_guarded;
static struct truth_guarded truth_named_guarded;

static noinline void truth_hot_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	struct truth_visit visit;

	truth_ask(side, &visit);
	spin_lock(&truth_hot_lock);
	truth_got(thread, side, &visit, &truth_hot_guarded);
	truth_burn_holding(truth_hold_ns);
	truth_leave(side, &visit);
	spin_unlock(&truth_hot_lock);
	truth_record(side, &visit);
	truth_op_done(thread);
	truth_burn_working(truth_work_ns);
	barrier();
}

static noinline void truth_irqoff_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	struct truth_visit visit;
	unsigned long flags;

	truth_ask(side, &visit);
	spin_lock_irqsave(&truth_irqoff_lock, flags);
	truth_got(thread, side, &visit, &truth_irqoff_guarded);
	truth_burn_holding(truth_hold_ns);
	truth_leave(side, &visit);
	spin_unlock_irqrestore(&truth_irqoff_lock, flags);
	truth_record(side, &visit);
	truth_op_done(thread);
	truth_burn_working(truth_work_ns);
	barrier();
}

static noinline void truth_long_holder_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	struct truth_visit visit;

	truth_ask(side, &visit);
	spin_lock(&truth_long_lock);
	truth_got(thread, side, &visit, &truth_long_guarded);
	truth_burn_holding(truth_hold_ns);
	truth_leave(side, &visit);
	spin_unlock(&truth_long_lock);
	truth_record(side, &visit);
	truth_op_done(thread);
	truth_burn_working(truth_work_ns);
	barrier();
}

static noinline void truth_long_waiter_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	struct truth_visit visit;

	truth_ask(side, &visit);
	spin_lock(&truth_long_lock);
	truth_got(thread, side, &visit, &truth_long_guarded);
	truth_leave(side, &visit);
	spin_unlock(&truth_long_lock);
	truth_record(side, &visit);
	truth_op_done(thread);
}

static noinline void truth_holder_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	struct truth_visit visit;

	truth_ask(side, &visit);
	spin_lock(&truth_named_lock);
	truth_got(thread, side, &visit, &truth_named_guarded);
	truth_burn_holding(truth_hold_ns);
	truth_leave(side, &visit);
	spin_unlock(&truth_named_lock);
	truth_record(side, &visit);
	truth_op_done(thread);
	truth_burn_working(truth_work_ns);
	barrier();
}

static noinline void truth_waiter_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	struct truth_visit visit;

	truth_ask(side, &visit);
	spin_lock(&truth_named_lock);
	truth_got(thread, side, &visit, &truth_named_guarded);
	truth_leave(side, &visit);
	spin_unlock(&truth_named_lock);
	truth_record(side, &visit);
	truth_op_done(thread);
}

const struct truth_mode truth_spin_modes[] = {
	{
		.name = "spin-hot",
		.locks = { { "truth_hot_lock", "spinlock", &truth_hot_lock } },
		.roles = { { "truth_hot_path", truth_hot_path } },
	},
	{
		.name = "irq-off",
		.locks = { { "truth_irqoff_lock", "spinlock", &truth_irqoff_lock } },
		.roles = { { "truth_irqoff_path", truth_irqoff_path } },
		.hold_ns = 2000,
	},
	{
		/* Long enough that a walk over thousands of entries would take it. */
		.name = "long-hold",
		.locks = { { "truth_long_lock", "spinlock", &truth_long_lock } },
		.roles = { { "truth_long_holder_path", truth_long_holder_path },
			   { "truth_long_waiter_path", truth_long_waiter_path } },
		.hold_ns = 5000000,
	},
	{
		.name = "named-holder",
		.locks = { { "truth_named_lock", "spinlock", &truth_named_lock } },
		.roles = { { "truth_holder_path", truth_holder_path },
			   { "truth_waiter_path", truth_waiter_path } },
		.hold_ns = 100000,
	},
	{ },
};
