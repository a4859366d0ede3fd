# shellcheck shell=bash
# Hosts that are really apart.
can_hosts() { printf 'not yet\n'; return 1; }
lab_can-hosts() { can_hosts; }
heal_all() { :; }
