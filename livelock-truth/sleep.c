// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Reader-writer spinlocks, and the sleeping locks whose waiters spin while the owner runs.
 *
 * In: threads. Out: visits in their books. Refuses: to tell spinning from sleeping; the wait is all of it.
 */
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>

#include "truth.h"

static DEFINE_RWLOCK(truth_storm_rwlock);
static DEFINE_MUTEX(truth_spin_mutex);
static DECLARE_RWSEM(truth_spin_rwsem);
static struct truth_guarded truth_rwlock_guarded;
static struct truth_guarded truth_mutex_guarded;
static struct truth_guarded truth_rwsem_guarded;

static noinline void truth_rwlock_writer_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	struct truth_visit visit;

	truth_ask(side, &visit);
	write_lock(&truth_storm_rwlock);
	truth_got(thread, side, &visit, &truth_rwlock_guarded);
	truth_burn_holding(truth_hold_ns);
	truth_leave(side, &visit);
	write_unlock(&truth_storm_rwlock);
	truth_record(side, &visit);
	truth_op_done(thread);
	truth_burn_working(truth_work_ns);
	barrier();
}

static noinline void truth_rwlock_reader_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	struct truth_visit visit;

	truth_ask(side, &visit);
	read_lock(&truth_storm_rwlock);
	truth_got(thread, side, &visit, NULL);
	truth_burn_holding(truth_hold_ns);
	truth_leave(side, &visit);
	read_unlock(&truth_storm_rwlock);
	truth_record(side, &visit);
	truth_op_done(thread);
	truth_burn_working(truth_work_ns);
	barrier();
}

/*
 * Somebody stands in line: bit 0 of a mutex's owner word (MUTEX_FLAG_WAITERS,
 * kernel/locking/mutex.c) and bit 1 of a rwsem's count (RWSEM_FLAG_WAITERS, kernel/locking/rwsem.c), v6.1 to v7.3.
 */
static bool truth_mutex_has_line(const void *addr)
{
	const struct mutex *lock = addr;

	return atomic_long_read(&lock->owner) & BIT(0);
}

static bool truth_rwsem_has_line(const void *addr)
{
	const struct rw_semaphore *sem = addr;

	return atomic_long_read(&sem->count) & BIT(1);
}

static noinline void truth_mutex_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	struct truth_visit visit;

	truth_ask(side, &visit);
	/* As good as always: it may be let go in between. */
	visit.has_waited = mutex_is_locked(&truth_spin_mutex);
	mutex_lock(&truth_spin_mutex);
	truth_got(thread, side, &visit, &truth_mutex_guarded);
	visit.got_in_line = truth_mutex_has_line(&truth_spin_mutex);
	truth_burn_holding(truth_hold_ns);
	visit.left_in_line = truth_mutex_has_line(&truth_spin_mutex);
	truth_leave(side, &visit);
	mutex_unlock(&truth_spin_mutex);
	truth_record(side, &visit);
	truth_op_done(thread);
	truth_burn_working(truth_work_ns);
	barrier();
}

static noinline void truth_rwsem_writer_path(struct truth_thread *thread)
{
	struct truth_side *side = &thread->sides[0];
	struct truth_visit visit;

	truth_ask(side, &visit);
	visit.has_waited = rwsem_is_locked(&truth_spin_rwsem);
	down_write(&truth_spin_rwsem);
	truth_got(thread, side, &visit, &truth_rwsem_guarded);
	visit.got_in_line = truth_rwsem_has_line(&truth_spin_rwsem);
	truth_burn_holding(truth_hold_ns);
	visit.left_in_line = truth_rwsem_has_line(&truth_spin_rwsem);
	truth_leave(side, &visit);
	up_write(&truth_spin_rwsem);
	truth_record(side, &visit);
	truth_op_done(thread);
	truth_burn_working(truth_work_ns);
	barrier();
}

const struct truth_mode truth_sleep_modes[] = {
	{
		.name = "rwlock",
		.locks = { { "truth_storm_rwlock", "rwlock", &truth_storm_rwlock } },
		.roles = { { "truth_rwlock_writer_path", truth_rwlock_writer_path },
			   { "truth_rwlock_reader_path", truth_rwlock_reader_path } },
		.stride = 2,
		.hold_ns = 1000,
	},
	{
		.name = "mutex",
		.locks = { { "truth_spin_mutex", "mutex", &truth_spin_mutex, truth_mutex_has_line } },
		.roles = { { "truth_mutex_path", truth_mutex_path } },
		.hold_ns = 5000,
	},
	{
		.name = "rwsem",
		.locks = { { "truth_spin_rwsem", "rwsem", &truth_spin_rwsem, truth_rwsem_has_line } },
		.roles = { { "truth_rwsem_writer_path", truth_rwsem_writer_path } },
		.hold_ns = 5000,
	},
	{ },
};
