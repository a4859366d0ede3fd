//! Who we are, and whether somebody else is still alive.

use crate::engine::event::Owner;

/// This process.
pub fn this_process() -> Owner {
    let pid = std::process::id();
    let machine = read("/proc/sys/kernel/hostname").unwrap_or_else(|| "unknown".to_owned());
    let user = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).unwrap_or_else(|_| "unknown".to_owned());
    let user: String = user.chars().filter(|c| !c.is_control()).take(64).collect();
    Owner {
        operator: format!("{user}@{machine}"),
        machine,
        pid,
        boot: read("/proc/sys/kernel/random/boot_id").unwrap_or_default(),
        pid_start: pid_start(pid).unwrap_or(0),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Whether the process that an owner names lives; `None` when that cannot be known from here.
pub fn is_alive(owner: &Owner) -> Option<bool> {
    let here = this_process();
    if owner.machine != here.machine {
        return None;
    }
    Some(owner.boot == here.boot && pid_start(owner.pid) == Some(owner.pid_start))
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// When a process started, in clock ticks since boot: field 22 of `/proc/PID/stat` (proc(5)). A zombie is dead.
fn pid_start(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the command, may hold spaces and brackets; the third begins after its last `)`.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_another_start_of_its_pid_does_not() {
        let mut owner = this_process();
        assert_eq!(is_alive(&owner), Some(true));
        owner.pid_start += 1;
        assert_eq!(is_alive(&owner), Some(false));
        owner.machine.push('x');
        assert_eq!(is_alive(&owner), None);
    }
}
