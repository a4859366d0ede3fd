//! The scripts that run on a member, over a folder that looks like its data directory and programs that print what its do.

use std::path::PathBuf;
use std::process::{Child, Command, Output};

use super::programs;

/// A server that runs, with two files of log: 0-1-99 to 0-1-102, and 0-1-103 to 0-1-105.
struct Host {
    folder: tempfile::TempDir,
    server: Child,
    _socket: std::os::unix::net::UnixListener,
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = (self.server.kill(), self.server.wait());
    }
}

/// Prints what mariadb-binlog prints of each file; `fails` holds when it dies.
const READER: &str = r#"
file= flashback=
for argument; do case $argument in --flashback) flashback=yes ;; -*) ;; *) file=$argument ;; esac; done
echo "$flashback ${file##*/}" | grep -qx "$(cat "$state/fails")" && { echo '# at 4'; exit 1; }
[ -z "$flashback" ] || { echo "-- back: ${file##*/}"; exit; }
numbers='99 100 101 102' before=0-1-98
case $file in *2) numbers='103 104 105' before=0-1-102 ;; esac
printf '# at 4\n#251128 10:00:00 server id 1  end_log_pos 99 CRC32 0x0 \tGtid list [%s]\n' "$before"
for number in $numbers; do
    printf '# at %s0\n#251128 10:00:00 server id 1  end_log_pos 9 CRC32 0x0 \tGTID 0-1-%s trans\n' "$number" "$number"
done
"#;

/// Notes what it was told, and answers what a server would.
const CLIENT: &str = r#"
case $* in
    *read_only*) echo 1 ;;
    *'count(*)'*) if [ -f "$state/committed" ]; then echo 1; else echo 0; fi ;;
    *'RESET MASTER'*) : >"$state/reset" ;;
    *DELETE* | *'STOP ALL SLAVES'*) ;;
    *gtid_slave_pos*) if [ -f "$state/reset" ]; then echo 0-1-100; else echo 0-2-90; fi ;;
    *gtid_binlog_pos*) [ -f "$state/reset" ] || echo 0-1-105 ;;
    *) cat >"$state/told" && ! grep -q '^COMMIT' "$state/told" || : >"$state/committed" ;;
esac
"#;

impl Host {
    fn new(fails: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["data", "bin", "state", "config"] {
            std::fs::create_dir(path(name)).expect("made");
        }
        let write = |name: &str, text: &str| std::fs::write(path(name), text).expect("written");
        write("state/fails", fails);
        write("data/log.index", "./log.000001\n./log.000002\n");
        for name in ["data/log.000001", "data/log.000002"] {
            write(name, "");
        }
        let state = path("state");
        let options = format!("--log_bin={0}/log --binlog_format=ROW --socket={0}/socket", path("data").display());
        let server = format!("echo 'would be started with the following arguments:'; echo '{options}'");
        let help = "case $* in *--help*) echo --flashback; exit ;; esac";
        for (name, text) in
            [("mariadbd", server.as_str()), ("mariadb-binlog", &format!("{help}\n{READER}")), ("mariadb", CLIENT)]
        {
            use std::os::unix::fs::PermissionsExt;
            let program = path("bin").join(name);
            std::fs::write(&program, format!("#!/bin/sh\nstate='{}'\n{text}", state.display())).expect("written");
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("executable");
        }
        // Found by its name and where it works, as the server is.
        std::fs::copy("/bin/sleep", path("mariadbd")).expect("copied");
        let server = Command::new(path("mariadbd")).arg("60").current_dir(path("data")).spawn().expect("it runs");
        let socket = std::os::unix::net::UnixListener::bind(path("data/socket")).expect("a socket");
        Self { folder, server, _socket: socket }
    }
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }
    fn run(&self, text: &str, more: &[&str]) -> Output {
        let mut command = Command::new("sh");
        command.arg("-c").arg(text).arg("script").arg(self.path("data")).arg(self.path("config")).arg("");
        command.arg(self.path("bin")).args(more).output().expect("sh runs")
    }
}

const OWN: [&str; 2] = ["0-1-100", "0-1:101:105"];

#[test]
fn what_only_it_has_is_taken_back_in_one_transaction_the_newest_first() {
    let host = Host::new("nothing");
    let fork = host.run(programs::REWINDABLE.text, &OWN[1..]);
    assert_eq!(String::from_utf8_lossy(&fork.stdout), "fork=0-1-100\n", "{fork:?}");
    let output = host.run(programs::REWIND.text, &OWN);
    assert!(output.status.success(), "{output:?}");
    let told = std::fs::read_to_string(host.path("state/told")).expect("it was told");
    let place = |text: &str| told.find(text).unwrap_or_else(|| panic!("no `{text}` in {told}"));
    let places = ["BEGIN;", "-- back: log.000002", "-- back: log.000001", "COMMIT;"].map(place);
    assert!(places.is_sorted(), "{told}");
    assert!(host.has("state/reset") && !host.has("data.switchback/rewinding"));
    assert!(!host.has("data.switchback/rewind.sql"));
    // Cut off before its last line, it finds everything done.
    for file in ["state/told", "state/committed"] {
        std::fs::remove_file(host.path(file)).expect("removed");
    }
    assert!(host.run(programs::REWIND.text, &OWN).status.success());
    assert!(!host.has("state/told"));
}

#[test]
fn a_reader_that_dies_takes_nothing_back_and_forgets_no_log() {
    // In turning a file round, in reading one; of each, the first that it comes to and the last.
    for fails in ["yes log.000002", "yes log.000001", " log.000002", " log.000001"] {
        let host = Host::new(fails);
        let output = host.run(programs::REWIND.text, &OWN);
        assert!(!output.status.success(), "`{fails}`: {output:?}");
        for file in ["state/told", "state/committed", "state/reset", "data.switchback/rewinding"] {
            assert!(!host.has(file), "`{fails}`: {file}");
        }
        if fails.starts_with(' ') {
            let looked = host.run(programs::REWINDABLE.text, &OWN[1..]);
            assert!(String::from_utf8_lossy(&looked.stdout).starts_with("not="), "`{fails}`: {looked:?}");
        }
    }
}

#[test]
fn a_log_that_holds_fewer_than_are_to_be_taken_back_is_left_alone() {
    let host = Host::new("nothing");
    let output = host.run(programs::REWIND.text, &["0-1-100", "0-1:101:106"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("5 of 6 transactions"), "{output:?}");
    assert!(!host.has("state/reset") && !host.has("state/committed"));
}
