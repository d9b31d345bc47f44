// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Interrupt work that begins itself again: a softirq storm.
 *
 * In: tasklets, one for each CPU. Out: times and operations in their books. Refuses: to run a tasklet on a CPU that is not its
 * own, so that its times are of one clock.
 */
#include <linux/interrupt.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "truth.h"

struct truth_tasklet {
	struct tasklet_struct tasklet;
	struct truth_thread *thread;
};

static struct truth_tasklet *truth_tasklets;

static noinline void truth_softirq_path(struct tasklet_struct *tasklet)
{
	struct truth_tasklet *item = container_of(tasklet, struct truth_tasklet, tasklet);

	truth_burn_working(truth_work_ns);
	truth_op_done(item->thread);
	if (!truth_is_over())
		tasklet_schedule(tasklet);
}

static void truth_softirq_begin(void *tasklet)
{
	tasklet_schedule(tasklet);
}

static int truth_softirq_start(struct truth_thread *threads, unsigned int nr_threads)
{
	unsigned int i;

	truth_tasklets = kcalloc(nr_threads, sizeof(*truth_tasklets), GFP_KERNEL);
	if (!truth_tasklets)
		return -ENOMEM;
	for (i = 0; i < nr_threads; i++) {
		truth_tasklets[i].thread = &threads[i];
		tasklet_setup(&truth_tasklets[i].tasklet, truth_softirq_path);
		smp_call_function_single(threads[i].cpu, truth_softirq_begin, &truth_tasklets[i].tasklet, true);
	}
	return 0;
}

static void truth_softirq_stop(struct truth_thread *threads, unsigned int nr_threads)
{
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		tasklet_kill(&truth_tasklets[i].tasklet);
	kfree(truth_tasklets);
}

const struct truth_mode truth_softirq_modes[] = {
	{
		/* A tenth of what the kernel lets softirqs run before it leaves them to ksoftirqd. */
		.name = "softirq-storm",
		.locks = { },
		.roles = { { "truth_softirq_path", NULL } },
		.work_ns = 200000,
		.start = truth_softirq_start,
		.stop = truth_softirq_stop,
	},
	{ },
};
