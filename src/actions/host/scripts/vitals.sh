# How a host is, as `name=value` lines. Only reads.
read -r load _ </proc/loadavg && echo "load=$load"
echo "cpus=$(getconf _NPROCESSORS_ONLN 2>/dev/null)"
while read -r name value _; do
    case $name in
        MemTotal:) echo "memory_total_kib=$value" ;;
        MemAvailable:) echo "memory_available_kib=$value" ;;
    esac
done </proc/meminfo
df -P -k / | {
    read -r _
    read -r _ _ _ _ used _ && echo "disk_used_percent=${used%\%}"
}
read -r boot </proc/sys/kernel/random/boot_id && echo "boot=$boot"
