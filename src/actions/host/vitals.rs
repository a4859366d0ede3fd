//! How a host is: load, memory, disk, and which boot this is.

use crate::actions::ssh::LookScript;

/// Prints what [`Vitals::read`] reads.
pub const SCRIPT: LookScript = LookScript { name: "switchback-vitals", text: include_str!("scripts/vitals.sh") };

/// What one look found. A figure that the host does not tell is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vitals {
    /// Of the last minute.
    pub load: Option<f64>,
    pub cpus: Option<u64>,
    pub memory_used_percent: Option<u64>,
    /// Of the root file system.
    pub disk_used_percent: Option<u64>,
    /// Another one after every start of the machine.
    pub boot: Option<String>,
}

impl Vitals {
    /// Reads the script's `name=value` lines; others are passed over.
    pub fn read(text: &str) -> Self {
        let mut vitals = Self::default();
        let (mut total_kib, mut available_kib) = (None::<u64>, None::<u64>);
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match name {
                "load" => vitals.load = value.parse().ok().filter(|load: &f64| load.is_finite()),
                "cpus" => vitals.cpus = value.parse().ok(),
                "memory_total_kib" => total_kib = value.parse().ok(),
                "memory_available_kib" => available_kib = value.parse().ok(),
                "disk_used_percent" => vitals.disk_used_percent = value.parse().ok(),
                "boot" => vitals.boot = Some(value.chars().take(64).collect()),
                _ => {}
            }
        }
        if let (Some(total_kib), Some(available_kib)) = (total_kib, available_kib) {
            let used_kib = total_kib.saturating_sub(available_kib);
            vitals.memory_used_percent = used_kib.saturating_mul(100).checked_div(total_kib);
        }
        vitals
    }

    /// The worse of two, figure by figure; of boots, the later.
    pub fn worse(self, later: Self) -> Self {
        Self {
            load: [self.load, later.load].into_iter().flatten().reduce(f64::max),
            cpus: later.cpus.or(self.cpus),
            memory_used_percent: self.memory_used_percent.max(later.memory_used_percent),
            disk_used_percent: self.disk_used_percent.max(later.disk_used_percent),
            boot: later.boot.or(self.boot),
        }
    }

    /// As people read them: `load 0.4 on 2 processors, memory 35 %, disk 41 %`.
    pub fn told(&self) -> String {
        let load = self.load.map(|load| match self.cpus {
            Some(cpus) => format!("load {load:.1} on {cpus} processors"),
            None => format!("load {load:.1}"),
        });
        let memory = self.memory_used_percent.map(|percent| format!("memory {percent} %"));
        let disk = self.disk_used_percent.map(|percent| format!("disk {percent} %"));
        let all: Vec<String> = [load, memory, disk].into_iter().flatten().collect();
        if all.is_empty() { "no figures".to_owned() } else { all.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str =
        "load=0.42\ncpus=2\nmemory_total_kib=4000\nmemory_available_kib=2600\ndisk_used_percent=41\nboot=abc\n";

    #[test]
    fn read_and_told() {
        let vitals = Vitals::read(TEXT);
        assert_eq!(vitals.told(), "load 0.4 on 2 processors, memory 35 %, disk 41 %");
        assert_eq!(vitals.boot.as_deref(), Some("abc"));
        assert_eq!(Vitals::read("load=x\ncpus=\nmemory_total_kib=0\nmemory_available_kib=0\n").told(), "no figures");
    }

    #[test]
    fn the_worse_of_two() {
        let busy = Vitals::read("load=9\nmemory_total_kib=100\nmemory_available_kib=1\nboot=def\n");
        let worse = Vitals::read(TEXT).worse(busy);
        assert_eq!(worse.told(), "load 9.0 on 2 processors, memory 99 %, disk 41 %");
        assert_eq!(worse.boot.as_deref(), Some("def"));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "((load|cpus|memory_total_kib|memory_available_kib|disk_used_percent|boot)?=?[0-9.eE-]{0,24}\n?){0,8}") {
            let vitals = Vitals::read(&text);
            let _ = vitals.clone().worse(vitals).told();
        }
    }
}
