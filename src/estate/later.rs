//! Words of estates that a later version takes. Saying so beats "no such key": who reads it knows
//! that the spelling was right and that nothing would be done.

/// What is said of a key that this version does not take yet.
pub(super) fn not_yet(path: &[&str], key: &str) -> Option<String> {
    let unknown = |what: &str, known: &str| {
        Some(format!("this version does not know the kind `{key}` of {what} yet; it knows {known}"))
    };
    match (path, key) {
        (["services", _], "files" | "page" | "galera" | "worker" | "balancer" | "vm" | "vip" | "config") => {
            unknown("service", "postgres, mysql, web")
        }
        (["entrances", _], "cdn" | "route" | "redirect") => unknown("entrance", "dns"),
        (["providers", _], "cloudflare" | "route53" | "fastly" | "by_hand") => unknown("provider", "powerdns, rfc2136"),
        (["entrances", _, "dns"], "spread" | "proxied") => Some(format!(
            "this version does not know `{key}` here yet; a name leads to one site, by the servers' own answer"
        )),
        (["hosts", _, "cut_off"], "ipmi" | "hypervisor" | "switch") => unknown("cut-off", "command"),
        (["services", _, "postgres", .., "replication"], "password") => {
            Some("this version takes no `password` here; let the member read it from a `passfile`".to_owned())
        }
        _ => None,
    }
}
