#!/usr/bin/env bash
# The first process of a host in namespaces of its own: makes the host's root, then reaps.
# Called as `host-init.sh HOST LAB-FOLDER SERVER-USER LAYOUT` in fresh namespaces.
set -euo pipefail
host=$1 dir=$2 user=$3 layout=$4
stage=$dir/roots/$host
root=$stage/root

# The /proc that is still the machine's gives the pid that the machine knows.
read -r pid _ </proc/self/stat

mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$stage"
mkdir "$stage/upper" "$stage/work" "$root"
# Whatever the host writes to its system is gone with it; the databases lie on the disk, see below.
mount -t overlay overlay -o "lowerdir=/,upperdir=$stage/upper,workdir=$stage/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mkdir -p "$root$dir"
mount -t tmpfs -o mode=755 tmpfs "$root$dir"
mkdir -p "$root$dir/$host" "$root$dir/home" "$root/run/sshd"
chown "$user:" "$root$dir/home"
mount --bind "$dir/$host" "$root$dir/$host"

if [[ $layout == debian ]]; then
    # Debian's places, each on the disk; the login user may become whom he likes.
    for pair in etc:/etc/postgresql var:/var/lib/postgresql log:/var/log/postgresql; do
        [[ -d $dir/$host/${pair%%:*} ]] || continue
        mkdir -p "$root${pair#*:}"
        mount --bind "$dir/$host/${pair%%:*}" "$root${pair#*:}"
    done
    install -d -o postgres -g postgres -m 2775 "$root/run/postgresql"
    printf '%s ALL=(ALL:ALL) NOPASSWD: ALL\n' "$user" >"$root/etc/sudoers.d/lab"
    chmod 440 "$root/etc/sudoers.d/lab"
fi

hostname "$host"
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$host" >"$root/etc/hosts"
printf '%s\n' "$host" >"$root/etc/hostname"

# The machine's folders are still to be seen here, and no longer below.
printf '%s\n' "$pid" >"$dir/inits/$host.new"
mv "$dir/inits/$host.new" "$dir/inits/$host"
mkdir -p "$root/run/machine"
cd "$root"
pivot_root . run/machine
umount --lazy /run/machine
rmdir /run/machine
exec chroot . /usr/bin/tini -- sleep infinity </dev/null >/dev/null 2>&1
