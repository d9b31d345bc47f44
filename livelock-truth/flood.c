// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * CPUs that are busy without a lock: RCU and interrupt floods, work items that do not let go, and plain work.
 *
 * In: threads or work items. Out: times and operations in their books. Refuses: to fill the memory; callbacks
 * under way are bounded.
 */
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/version.h>
#include <linux/workqueue.h>

#include "truth.h"

/* Callbacks under way per thread: some 300 KiB. */
#define TRUTH_MAX_PENDING 10000
/* Callbacks per step. */
#define TRUTH_RCU_BATCH 256

struct truth_rcu_item {
	struct rcu_head rcu;
	struct truth_thread *thread;
};

static void truth_rcu_callback(struct rcu_head *rcu)
{
	struct truth_rcu_item *item = container_of(rcu, struct truth_rcu_item, rcu);

	atomic_dec(&item->thread->nr_pending);
	kfree(item);
}

static noinline void truth_call_rcu_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	unsigned int i;

	for (i = 0; i < TRUTH_RCU_BATCH; i++) {
		struct truth_rcu_item *item;

		if (atomic_read(&thread->nr_pending) >= TRUTH_MAX_PENDING) {
			truth_retried(side);
			schedule_timeout_uninterruptible(1);
			return;
		}
		item = kmalloc(sizeof(*item), GFP_KERNEL);
		if (!item) {
			truth_retried(side);
			return;
		}
		item->thread = thread;
		atomic_inc(&thread->nr_pending);
		call_rcu(&item->rcu, truth_rcu_callback);
		truth_op_done(thread);
	}
	truth_burn_working(truth_work_ns);
	barrier();
}

static noinline void truth_expedited_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	struct truth_visit visit;

	truth_ask(side, &visit);
	synchronize_rcu_expedited();
	truth_times_add(&side->wait, truth_span(visit.asked_ns, truth_now()));
	WRITE_ONCE(side->wait.open_since_ns, 0);
	truth_op_done(thread);
	truth_burn_working(truth_work_ns);
	barrier();
}

static noinline void truth_ipi_handler(void *unused)
{
	truth_burn_holding(truth_hold_ns);
	barrier();
}

static noinline void truth_ipi_many_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	struct truth_visit visit;

	truth_ask(side, &visit);
	preempt_disable();
	smp_call_function_many(cpu_online_mask, truth_ipi_handler, NULL, true);
	preempt_enable();
	truth_times_add(&side->wait, truth_span(visit.asked_ns, truth_now()));
	WRITE_ONCE(side->wait.open_since_ns, 0);
	truth_op_done(thread);
	truth_burn_working(truth_work_ns);
	barrier();
}

static noinline void truth_ipi_each_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	struct truth_visit visit;

	truth_ask(side, &visit);
	on_each_cpu(truth_ipi_handler, NULL, 1);
	truth_times_add(&side->wait, truth_span(visit.asked_ns, truth_now()));
	WRITE_ONCE(side->wait.open_since_ns, 0);
	truth_op_done(thread);
	truth_burn_working(truth_work_ns);
	barrier();
}

static noinline void truth_compute_path(struct truth_thread *thread)
{
	truth_burn_working(truth_work_ns);
	truth_op_done(thread);
}

static struct workqueue_struct *truth_wq;

static void truth_wq_queue(struct truth_thread *thread)
{
	thread->queued_ns = truth_now();
	WRITE_ONCE(thread->sides[0].wait.open_since_ns, thread->queued_ns);
	queue_work_on(thread->cpu, truth_wq, &thread->work);
}

/* Both items run on the CPU that they were queued on, so that their times are of one clock. */
static void truth_wq_started(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];

	WRITE_ONCE(side->wait.open_since_ns, 0);
	truth_times_add(&side->wait, truth_span(thread->queued_ns, truth_now()));
	WRITE_ONCE(side->nr_acquired, side->nr_acquired + 1);
	truth_op_done(thread);
}

static noinline void truth_wq_hog_work(struct work_struct *work)
{
	struct truth_thread *thread = container_of(work, struct truth_thread, work);
	struct truth_side *side = &thread->sides[0];
	u64 begin_ns = truth_now();

	truth_wq_started(thread);
	WRITE_ONCE(side->hold.open_since_ns, begin_ns);
	truth_burn_holding(truth_hold_ns);
	WRITE_ONCE(side->hold.open_since_ns, 0);
	truth_times_add(&side->hold, truth_span(begin_ns, truth_now()));
	if (!truth_is_over())
		truth_wq_queue(thread);
}

static noinline void truth_wq_victim_work(struct work_struct *work)
{
	struct truth_thread *thread = container_of(work, struct truth_thread, work);

	truth_wq_started(thread);
	if (!truth_is_over())
		truth_wq_queue(thread);
}

static int truth_wq_start(struct truth_thread *threads, unsigned int nr_threads)
{
	unsigned int flags = 0;
	unsigned int i;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
	flags |= WQ_PERCPU;
#endif
	truth_wq = alloc_workqueue("truth_wq", flags, 0);
	if (!truth_wq)
		return -ENOMEM;
	for (i = 0; i < nr_threads; i++) {
		bool is_hog = threads[i].role == &truth_mode->roles[0];

		INIT_WORK(&threads[i].work, is_hog ? truth_wq_hog_work : truth_wq_victim_work);
		truth_wq_queue(&threads[i]);
	}
	return 0;
}

static void truth_wq_stop(struct truth_thread *threads, unsigned int nr_threads)
{
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		cancel_work_sync(&threads[i].work);
	destroy_workqueue(truth_wq);
}

const struct truth_mode truth_flood_modes[] = {
	{
		.name = "rcu-flood",
		.locks = { { "synchronize_rcu_expedited", "rcu", NULL } },
		.roles = { { "truth_expedited_path", truth_expedited_path },
			   { "truth_call_rcu_path", truth_call_rcu_path } },
		.stride = 2,
	},
	{
		.name = "ipi-flood",
		.locks = { { "smp_call_function", "ipi", NULL } },
		.roles = { { "truth_ipi_many_path", truth_ipi_many_path },
			   { "truth_ipi_each_path", truth_ipi_each_path } },
		.stride = 2,
	},
	{
		/* Ten times what the work queue itself calls CPU-intensive. */
		.name = "wq-hog",
		.locks = { { "truth_wq", "workqueue", NULL } },
		.roles = { { "truth_wq_hog_work", NULL }, { "truth_wq_victim_work", NULL } },
		.stride = 2,
		.threads_per_cpu = 2,
		.hold_ns = 100000000,
		.start = truth_wq_start,
		.stop = truth_wq_stop,
	},
	{
		/* The look-alike: kernel threads that only work. */
		.name = "compute",
		.locks = { },
		.roles = { { "truth_compute_path", truth_compute_path } },
		.work_ns = 10000,
	},
	{ },
};
