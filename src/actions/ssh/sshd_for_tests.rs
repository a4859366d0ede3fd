//! A real sshd, for tests.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

use super::{Hosts, RemoteHost};
use crate::actions::dns::servers_for_tests::{Running, free, site};
use crate::base::name::HostName;
use crate::estate::model::{Estate, Host, Login, Objectives};

/// An sshd that serves the one host of an estate.
pub(in crate::actions) struct Bench {
    pub(in crate::actions) sshd: Running,
    pub(in crate::actions) estate: Estate,
    pub(in crate::actions) hosts: Arc<Hosts>,
}

impl Bench {
    pub(in crate::actions) fn folder(&self) -> &Path {
        self.sshd.folder.path()
    }

    pub(super) fn host(&self) -> Arc<RemoteHost> {
        self.hosts.get(&HostName::new("a-db").expect("a name")).expect("the host")
    }
}

/// What a program prints that must succeed.
pub(super) fn ran(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// sshd of whoever runs the tests, who may log in to himself.
pub(in crate::actions) fn bench() -> Bench {
    let (folder, address) = (TempDir::new().expect("a folder"), free());
    let at = |name: &str| folder.path().join(name).display().to_string();
    for name in ["host", "operator"] {
        ran("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &at(name)]);
    }
    std::fs::copy(at("operator.pub"), at("authorized")).expect("copied");
    let public = std::fs::read_to_string(at("host.pub")).expect("read");
    let known = format!("[127.0.0.1]:{} {}", address.port(), public.rsplit_once(' ').expect("a comment").0);
    std::fs::write(at("known_hosts"), known + "\n").expect("written");
    let config = format!(
        "ListenAddress 127.0.0.1\nPort {}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\nStrictModes no\n\
         PasswordAuthentication no\nPermitRootLogin yes\n",
        address.port(),
        at("host"),
        at("authorized")
    );
    std::fs::write(at("sshd_config"), config).expect("written");
    // sshd of root wants its folder, which the package makes only when it starts the service.
    if ran("id", &["-u"]) == "0" {
        std::fs::create_dir_all("/run/sshd").expect("/run/sshd");
    }
    let host = Host {
        name: HostName::new("a-db").expect("a name"),
        site: site("dallas"),
        address: "127.0.0.1".to_owned(),
        port: Some(address.port()),
        user: Some(ran("id", &["-un"])),
        key: Some(folder.path().join("operator")),
        known_hosts: Some(folder.path().join("known_hosts")),
        jump: None,
        sudo: false,
        login: Login::Ssh,
        cut_off: None,
    };
    let arguments = ["-D".to_owned(), "-e".to_owned(), "-f".to_owned(), at("sshd_config")];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let sshd = Running::start("/usr/sbin/sshd", &arguments, folder, address);
    let estate = Estate {
        name: "shop".to_owned(),
        digest: String::new(),
        folder: "/".into(),
        objectives: Objectives::default(),
        sites: indexmap::IndexMap::new(),
        hosts: [(host.name.clone(), host)].into_iter().collect(),
        services: indexmap::IndexMap::new(),
        entrances: indexmap::IndexMap::new(),
        providers: indexmap::IndexMap::new(),
        windows: Vec::new(),
        contacts: Vec::new(),
        notify: Vec::new(),
        canary: None,
    };
    let hosts = Hosts::new(&estate);
    Bench { sshd, estate, hosts }
}
