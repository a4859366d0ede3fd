//! Words of runbooks that a later version takes, told apart from misspelt ones.

/// What is said of a key or a word that this version does not take yet.
pub(super) fn not_yet(path: &[&str], word: &str) -> Option<String> {
    match path.last() {
        Some(&"for_each") if family(word) => {
            Some(format!("this version does not know `{word}` yet; loops go over database, web, entrance, host, site"))
        }
        _ => None,
    }
}

/// Families of actions that are still to come.
pub(super) fn family(word: &str) -> bool {
    ["files", "page", "worker", "cluster", "config", "balancer", "vm", "vip"].contains(&word)
}

/// Actions that are still to come.
pub(super) fn action(name: &str) -> bool {
    name.split('.').next().is_some_and(family)
        || ["host.snapshot", "host.drain", "host.reboot", "host.enable"].contains(&name)
}
