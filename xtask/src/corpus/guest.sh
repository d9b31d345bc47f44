# The guest's side of the corpus. In: the variables and the function `tool` that script.rs sets before this, the calls of
# observe_lab and observe_truth that follow it. Out: the files of each task as an archive, INDEX.archive, over the console as soon
# as it is over; INDEX.end is the last. Refuses: to wait for anything without a limit; after a load that cannot be ended it
# stops, because the next one would not be alone.
module=/bin/livelock_truth.ko
books=/proc/livelock_truth
mkdir -p /run/corpus
cd /run/corpus

# One archive, because each process costs an emulated CPU as much as kilobytes do; compressed, because the console takes some
# ten kilobytes a second.
emit() {
	tar -cf - * | gzip >/run/archive
	echo
	echo "@@livelock-vm begin $1.archive $(wc -c </run/archive)"
	base64 /run/archive | sed 's/^/@@:/'
	echo "@@livelock-vm end $1.archive"
	echo "@@livelock-vm begin $1.end 0"
	echo "@@livelock-vm end $1.end"
}

now() {
	cut -d' ' -f1 /proc/uptime
}

# /proc/PID stays until a process is waited for, so its state is read; a process whose first thread is gone is alive while
# others are left.
alive() {
	grep -q '^State:[^ZX]*$' /proc/$1/status 2>/dev/null ||
		[ "$(ls /proc/$1/task 2>/dev/null | wc -l)" -gt 1 ]
}

ends() {
	tries=$end_tries
	while [ $tries -gt 0 ]; do
		alive $1 || return 0
		sleep 0.1
		tries=$((tries - 1))
	done
	return 1
}

# A load that cannot be ended: task, what is stuck.
stuck() {
	echo "$2" >stuck
	emit $1 >/dev/console
	exit 1
}

diagnose() {
	now >begin
	tool "$@" >/dev/null 2>diagnose_stderr
	echo $? >exit_code
	now >end_of_diagnosis
}

# What the load has left to the kernel's workers gets done while the console takes the results.
finish() {
	now >finished
	emit $1 >/dev/console
}

# Files are made and processes started before all threads are there; a load that needs long for that is not to be diagnosed
# before it begins.
await_threads() {
	tries=$end_tries
	while [ $tries -gt 0 ] && alive $1; do
		[ "$(ls /proc/$1/task 2>/dev/null | wc -l)" -gt $nr_cpus ] && return
		sleep 0.1
		tries=$((tries - 1))
	done
}

# Task, folder for files, 1 if one thread is to be measured before, scenario.
observe_lab() {
	rm -f /run/corpus/*
	now >started
	if [ "$3" = 1 ]; then
		timeout -s KILL $alone_limit_secs env TMPDIR="$2" livelock-lab "$4" --threads 1 --pin --duration ${alone_secs}s >alone 2>alone_stderr
	fi
	TMPDIR="$2" livelock-lab "$4" --threads $nr_cpus --pin --duration ${lab_secs}s >lab 2>lab_stderr &
	load=$!
	await_threads $load
	sleep $delay_secs
	if alive $load; then
		diagnose
		alive $load && echo 1 >outlived
	fi
	kill -TERM $load 2>/dev/null
	if ! ends $load; then
		echo 1 >killed
		kill -KILL $load
		ends $load || stuck $1 lab
	fi
	wait $load
	echo $? >lab_code
	finish $1
}

load_module() {
	insmod $module "$@" 2>>insmod_stderr
}

# Its threads are in the kernel, and nothing can kill them.
unload_module() {
	rmmod livelock_truth 2>>insmod_stderr &
	ends $! || stuck $1 rmmod
}

# Task, 1 if one thread is to be measured before, parameters of the module. The books are read when the probes are attached and
# when the window is over: what was counted while the tool attached and judged is not what the verdict is about.
observe_truth() {
	rm -f /run/corpus/*
	now >started
	index=$1
	alone=$2
	shift 2
	if [ "$alone" = 1 ] && load_module "$@" nr_threads=1; then
		sleep $alone_secs
		cat $books >alone
		unload_module $index
	fi
	if load_module "$@"; then
		sleep $delay_secs
		diagnose --verbose &
		look=$!
		until grep -qs 'attached after' diagnose_stderr || ! alive $look; do sleep 0.1; done
		cat $books >truth_before
		sleep $diagnose_secs
		cat $books >truth_after
		wait $look
		[ -e $books ] && echo 1 >outlived
		unload_module $index
	fi
	finish $index
}
