#!/bin/busybox sh
# First process of the guest. In: /scenario.sh, and /limit with its time limit in seconds. Out: every
# file in /result, in base64 between marker lines that xtask/src/vm/console.rs reads. Refuses: to
# leave the machine running.
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /root /result
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root TERM=dumb

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /tmp
hostname livelock-vm
ip link set lo up
# Drivers of a scratch disk, in order, if the guest was given one.
if [ -d /lib/disk ]; then
	for module in /lib/disk/*; do insmod "$module"; done
	mkdir /disk
	mount -t ext4 /dev/vda /disk
fi
# Other modules that somebody asked for, in order.
if [ -d /lib/wanted ]; then
	for module in /lib/wanted/*; do insmod "$module"; done
fi

echo
echo "@@livelock-vm start"
uname -r >/result/kernel_release
cd /root
timeout -s KILL "$(cat /limit)" sh /scenario.sh </dev/null >/result/stdout 2>/result/stderr
echo $? >/result/exit_code
kill -KILL -1
# Its threads would slow the results down; its books were read by the script.
[ ! -e /proc/livelock_truth ] || rmmod livelock_truth
dmesg >/result/dmesg

# Each line carries a prefix, so that a message of the kernel in between is told apart.
for path in /result/*; do
	echo
	echo "@@livelock-vm begin ${path##*/} $(wc -c <"$path")"
	base64 "$path" | sed 's/^/@@:/'
	echo "@@livelock-vm end ${path##*/}"
done
echo "@@livelock-vm done"
# The serial port has a buffer, and powering off does not wait for it.
sleep 1
poweroff -f
