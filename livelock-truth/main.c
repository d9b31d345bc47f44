// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Live locks made to order inside a kernel, with exact books about them. For guests that are thrown away.
 *
 * In: parameters. Out: kthreads bound to CPUs that walk one pathology until the module leaves or duration_ms is
 * over, and /proc/livelock_truth. Refuses: unknown modes, and CPUs that are not there.
 */
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/rcupdate.h>
#include <linux/vmalloc.h>

#include "truth.h"

#define TRUTH_PROC_NAME "livelock_truth"
/* A parameter that was not given. */
#define TRUTH_UNSET -1L

static char *mode = "spin-hot";
module_param(mode, charp, 0444);
MODULE_PARM_DESC(mode, "pathology to make");
static unsigned int nr_threads;
module_param(nr_threads, uint, 0444);
MODULE_PARM_DESC(nr_threads, "threads, spread over the CPUs [default: one per CPU]");
static long hold_ns = TRUTH_UNSET;
module_param(hold_ns, long, 0444);
MODULE_PARM_DESC(hold_ns, "time inside of the lock, or what the mode has in its place [default: the mode's]");
static long work_ns = TRUTH_UNSET;
module_param(work_ns, long, 0444);
MODULE_PARM_DESC(work_ns, "time outside of the lock [default: the mode's]");
static unsigned int duration_ms;
module_param(duration_ms, uint, 0444);
MODULE_PARM_DESC(duration_ms, "end after this time [default: when the module leaves]");

const struct truth_mode *truth_mode;
struct truth_thread *truth_threads;
unsigned int truth_nr_threads;
u64 truth_hold_ns;
u64 truth_work_ns;
u64 truth_duration_ms;
u64 truth_begin_ns;
u64 truth_clock_cost_ns;

static bool truth_stop __read_mostly;
static u64 truth_deadline_jiffies __read_mostly;

static const struct truth_mode *const truth_mode_lists[] = {
	truth_spin_modes,
	truth_sleep_modes,
	truth_retry_modes,
	truth_flood_modes,
	truth_softirq_modes,
};

bool truth_is_over(void)
{
	if (READ_ONCE(truth_stop))
		return true;
	return truth_duration_ms && time_after_eq64(get_jiffies_64(), truth_deadline_jiffies);
}

static __always_inline void truth_burn(u64 ns)
{
	u64 begin_ns;

	if (!ns)
		return;
	begin_ns = truth_now();
	while (truth_span(begin_ns, truth_now()) < ns)
		barrier();
}

noinline void truth_burn_holding(u64 ns)
{
	truth_burn(ns);
}

noinline void truth_burn_working(u64 ns)
{
	truth_burn(ns);
	/* Keeps this body distinct from the one above: identical ones would share an address and a name. */
	barrier();
	OPTIMIZER_HIDE_VAR(ns);
}

static noinline int truth_thread_main(void *data)
{
	struct truth_thread *thread = data;

	while (!kthread_should_stop() && !truth_is_over()) {
		thread->role->step(thread);
		cond_resched();
	}
	/* The books stay open for readers until the module leaves. */
	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	return 0;
}

static const struct truth_mode *truth_find_mode(const char *name)
{
	const struct truth_mode *found;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(truth_mode_lists); i++)
		for (found = truth_mode_lists[i]; found->name; found++)
			if (!strcmp(found->name, name))
				return found;
	pr_err("mode '%s' is not known; known are:", name);
	for (i = 0; i < ARRAY_SIZE(truth_mode_lists); i++)
		for (found = truth_mode_lists[i]; found->name; found++)
			pr_cont(" %s", found->name);
	pr_cont("\n");
	return NULL;
}

static void truth_measure_clock(void)
{
	const unsigned int nr_readings = 10000;
	u64 begin_ns = truth_now();
	unsigned int i;

	for (i = 0; i < nr_readings; i++)
		(void)truth_now();
	truth_clock_cost_ns = div_u64(truth_span(begin_ns, truth_now()), nr_readings);
}

static unsigned int truth_nth_online_cpu(unsigned int n)
{
	unsigned int cpu;

	n %= num_online_cpus();
	for_each_online_cpu(cpu)
		if (!n--)
			break;
	return cpu;
}

static void truth_fill_threads(void)
{
	unsigned int per_cpu = truth_mode->threads_per_cpu ?: 1;
	unsigned int i;

	for (i = 0; i < truth_nr_threads; i++) {
		struct truth_thread *thread = &truth_threads[i];
		bool is_first = truth_mode->stride ? !(i % truth_mode->stride) : !i;

		thread->index = i;
		thread->cpu = truth_nth_online_cpu(i / per_cpu);
		thread->role = &truth_mode->roles[is_first || !truth_mode->roles[1].function ? 0 : 1];
	}
}

static void truth_stop_threads(void)
{
	unsigned int i;

	WRITE_ONCE(truth_stop, true);
	if (truth_mode->stop)
		truth_mode->stop(truth_threads, truth_nr_threads);
	for (i = 0; i < truth_nr_threads; i++)
		if (truth_threads[i].task)
			kthread_stop(truth_threads[i].task);
	/* Callbacks point into the books and into this module. */
	rcu_barrier();
}

static int truth_start_threads(void)
{
	unsigned int i;

	if (truth_mode->start)
		return truth_mode->start(truth_threads, truth_nr_threads);
	/* All exist before the first runs: a collapse from the first ones would delay the others. */
	for (i = 0; i < truth_nr_threads; i++) {
		struct truth_thread *thread = &truth_threads[i];
		struct task_struct *task = kthread_create_on_node(truth_thread_main, thread,
								  cpu_to_node(thread->cpu), "truth/%u", i);

		if (IS_ERR(task)) {
			truth_stop_threads();
			return PTR_ERR(task);
		}
		kthread_bind(task, thread->cpu);
		thread->task = task;
	}
	for (i = 0; i < truth_nr_threads; i++)
		wake_up_process(truth_threads[i].task);
	return 0;
}

static int __init truth_init(void)
{
	int err;

	truth_mode = truth_find_mode(mode);
	if (!truth_mode)
		return -EINVAL;
	truth_nr_threads = nr_threads ?: num_online_cpus() * (truth_mode->threads_per_cpu ?: 1);
	if (truth_mode->group_size)
		truth_nr_threads = max(rounddown(truth_nr_threads, truth_mode->group_size), truth_mode->group_size);
	if (truth_nr_threads > TRUTH_MAX_THREADS || hold_ns < TRUTH_UNSET || work_ns < TRUTH_UNSET)
		return -EINVAL;
	truth_hold_ns = hold_ns == TRUTH_UNSET ? truth_mode->hold_ns : hold_ns;
	truth_work_ns = work_ns == TRUTH_UNSET ? truth_mode->work_ns : work_ns;
	truth_duration_ms = duration_ms;
	truth_deadline_jiffies = get_jiffies_64() + msecs_to_jiffies(duration_ms);
	truth_measure_clock();
	truth_threads = vzalloc(array_size(truth_nr_threads, sizeof(*truth_threads)));
	if (!truth_threads)
		return -ENOMEM;
	truth_fill_threads();
	truth_begin_ns = truth_now();
	err = truth_start_events();
	if (err)
		goto free;
	err = truth_start_threads();
	if (err)
		goto stop_events;
	if (!proc_create_single(TRUTH_PROC_NAME, 0444, NULL, truth_show)) {
		truth_stop_threads();
		err = -ENOMEM;
		goto stop_events;
	}
	return 0;
stop_events:
	truth_stop_events();
free:
	vfree(truth_threads);
	return err;
}

static void __exit truth_exit(void)
{
	remove_proc_entry(TRUTH_PROC_NAME, NULL);
	truth_stop_threads();
	truth_stop_events();
	vfree(truth_threads);
}

module_init(truth_init);
module_exit(truth_exit);
MODULE_DESCRIPTION("Live locks made to order, with exact books");
MODULE_LICENSE("Dual MIT/GPL");
