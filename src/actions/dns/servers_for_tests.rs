//! Real servers for tests: BIND and PowerDNS on loopback, in a folder of their own, gone with the value.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::base::name::{EntranceName, ProviderName, SiteName};
use crate::base::quantity::Span;
use crate::base::secret::SecretRef;
use crate::estate::model::{
    DnsEntrance, Entrance, EntranceKind, Estate, Objectives, PowerDns, Provider, ProviderKind, Records, Rfc2136,
    TsigKey,
};

pub const KEY: &str = "c3dpdGNoYmFjay1pbi1hLXRlc3Qtc2VjcmV0LTMyYnk=";
const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// A server process that ends with the value.
pub struct Running {
    child: Child,
    pub folder: TempDir,
    pub address: SocketAddr,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    pub fn stop(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
    }

    /// Starts a program and waits until it takes connections at the address.
    pub fn start(program: &str, arguments: &[&str], folder: TempDir, address: SocketAddr) -> Self {
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{program} cannot be started ({error}); `tests/lab/lab packages` installs it")
            });
        let running = Self { child, folder, address };
        let until = Instant::now() + STARTS_WITHIN;
        while std::net::TcpStream::connect(address).is_err() {
            let log = running.folder.path().join("log");
            assert!(Instant::now() < until, "{program}: {}", std::fs::read_to_string(log).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }
}

/// A port that nobody listens on, by either transport.
pub fn free() -> SocketAddr {
    loop {
        let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

/// Writes a file that only its owner may read.
pub fn private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("mode set");
}

pub fn key_text(name: &str, secret: &str) -> String {
    format!("key \"{name}\" {{\n\talgorithm hmac-sha256;\n\tsecret \"{secret}\";\n}};\n")
}

/// BIND with zone `shop.internal`: key `switchback.` may change it. `lines` are more of the zone's.
pub fn bind(lines: &str) -> Running {
    let zone = "zone \"shop.internal\" { type primary; file \"shop.internal\"; allow-update { key \"switchback.\"; }; };\n\
        zone \"closed.internal\" { type primary; file \"closed.internal\"; };";
    bind_with(lines, zone, "recursion no;")
}

/// BIND whose key may change this one name of the zone.
pub fn bind_with_policy(lines: &str, name: &str) -> Running {
    let zone = format!(
        "zone \"shop.internal\" {{ type primary; file \"shop.internal\"; update-policy {{ grant switchback. name {name}. ANY; }}; }};"
    );
    bind_with(lines, &zone, "recursion no;")
}

/// BIND that is nobody's own server and asks another one.
pub fn forwarder(to: SocketAddr) -> Running {
    let options =
        format!("recursion yes; dnssec-validation no; forward only; forwarders {{ {} port {}; }};", to.ip(), to.port());
    bind_with("", "", &options)
}

/// BIND without a zone.
pub fn stranger() -> Running {
    bind_with("", "", "recursion no;")
}

fn bind_with(lines: &str, zones: &str, options: &str) -> Running {
    let (folder, address) = (TempDir::new().expect("a folder"), free());
    let head = "$TTL 60\n@ IN SOA ns hostmaster 7 3600 600 86400 5\n@ IN NS ns\nns IN A 127.0.0.1\n";
    std::fs::write(folder.path().join("shop.internal"), format!("$ORIGIN shop.internal.\n{head}{lines}\n"))
        .expect("written");
    std::fs::write(folder.path().join("closed.internal"), format!("$ORIGIN closed.internal.\n{head}"))
        .expect("written");
    private(&folder.path().join("tsig.key"), &key_text("switchback.", KEY));
    let path = folder.path().display();
    let config = format!(
        "include \"{path}/tsig.key\";\noptions {{ directory \"{path}\"; listen-on port {} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         pid-file none; session-keyfile \"{path}/session.key\"; managed-keys-directory \"{path}\"; empty-zones-enable no; notify no;\n\
         {options} }};\ncontrols {{ }};\n{zones}\n",
        address.port()
    );
    let file = folder.path().join("named.conf");
    std::fs::write(&file, config).expect("written");
    Running::start("/usr/sbin/named", &["-g", "-n", "1", "-c", &file.display().to_string()], folder, address)
}

/// PowerDNS with zone `shop.test` and its API; `address` is where it answers, the URL's port the next.
pub struct PowerDnsServer {
    pub running: Running,
    pub url: String,
}

pub fn powerdns(records: &[(&str, &str, u32, &str)]) -> PowerDnsServer {
    let (folder, address, api) = (TempDir::new().expect("a folder"), free(), free());
    let path = folder.path().display();
    let mut sql = std::fs::read_to_string("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")
        .or_else(|_| std::fs::read_to_string("/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql"))
        .expect("the schema of pdns-backend-sqlite3");
    sql.push_str(
        "INSERT INTO domains (id, name, type) VALUES (1, 'shop.test', 'NATIVE');\n\
         INSERT INTO domainmetadata (domain_id, kind, content) VALUES (1, 'SOA-EDIT-API', 'DEFAULT');\n\
         INSERT INTO records (domain_id, name, type, ttl, content, auth) VALUES\n\
         (1, 'shop.test', 'SOA', 60, 'ns.shop.test hostmaster.shop.test 2024010101 3600 600 86400 5', 1),\n\
         (1, 'shop.test', 'NS', 60, 'ns.shop.test', 1);\n",
    );
    for (name, kind, ttl_s, content) in records {
        let values = format!("(1, '{name}', '{kind}', {ttl_s}, '{content}', 1)");
        sql.extend(["INSERT INTO records (domain_id, name, type, ttl, content, auth) VALUES ", &values, ";\n"]);
    }
    let made = Command::new("sqlite3").arg(folder.path().join("zones.sqlite")).arg(&sql).status().expect("sqlite3");
    assert!(made.success());
    let config = format!(
        "launch=gsqlite3\ngsqlite3-database={path}/zones.sqlite\nlocal-address=127.0.0.1\nlocal-port={}\napi=yes\napi-key=s3cret-key\n\
         webserver=yes\nwebserver-address=127.0.0.1\nwebserver-port={}\nwebserver-allow-from=127.0.0.0/8\nsocket-dir={path}\nguardian=no\n\
         daemon=no\ncache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\nzone-cache-refresh-interval=0\nsecurity-poll-suffix=\n",
        address.port(),
        api.port()
    );
    std::fs::write(folder.path().join("pdns.conf"), config).expect("written");
    private(&folder.path().join("key"), "s3cret-key\n");
    private(&folder.path().join("wrong-key"), "another\n");
    let argument = format!("--config-dir={path}");
    let running = Running::start("/usr/sbin/pdns_server", &[&argument], folder, address);
    let until = Instant::now() + STARTS_WITHIN;
    while std::net::TcpStream::connect(api).is_err() {
        assert!(Instant::now() < until, "the API does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    PowerDnsServer { running, url: format!("http://{api}") }
}

impl PowerDnsServer {
    pub fn provider(&self, key: &str, servers: &[SocketAddr]) -> ProviderKind {
        ProviderKind::PowerDns(PowerDns {
            url: self.url.clone(),
            zones: vec!["shop.test".to_owned()],
            key: SecretRef::File(self.running.folder.path().join(key)),
            servers: servers.iter().map(ToString::to_string).collect(),
            resolvers: Vec::new(),
        })
    }
}

impl Running {
    pub fn key(&self) -> TsigKey {
        TsigKey::File(self.folder.path().join("tsig.key"))
    }

    /// A BIND as a provider, with these as its authoritative servers.
    pub fn provider(&self, servers: &[SocketAddr]) -> Rfc2136 {
        Rfc2136 {
            zones: vec!["shop.internal".to_owned()],
            update_at: vec![self.address.to_string()],
            key: self.key(),
            servers: servers.iter().map(ToString::to_string).collect(),
            resolvers: Vec::new(),
        }
    }
}

pub fn a(last: u8) -> Records {
    Records { a: vec![[192, 0, 2, last].into()], ..Records::default() }
}

pub fn site(name: &str) -> SiteName {
    SiteName::new(name).expect("a name")
}

/// An estate with one entrance that leads to dallas or nuremberg.
pub fn estate(name: &str, kind: ProviderKind, dallas: Records, nuremberg: Records, ttl: Span) -> Estate {
    let provider = ProviderName::new("p").expect("a name");
    let name = EntranceName::new(name).expect("a name");
    let records = [(site("dallas"), dallas), (site("nuremberg"), nuremberg)].into_iter().collect();
    let dns = DnsEntrance { provider: provider.clone(), ttl, records };
    let entrance = Entrance { name: name.clone(), needs: Vec::new(), kind: EntranceKind::Dns(dns) };
    Estate {
        name: "shop".to_owned(),
        digest: String::new(),
        folder: "/".into(),
        objectives: Objectives { rto: Some(Span::from_secs(60)), ..Objectives::default() },
        sites: indexmap::IndexMap::new(),
        hosts: indexmap::IndexMap::new(),
        services: indexmap::IndexMap::new(),
        entrances: [(name, entrance)].into_iter().collect(),
        providers: [(provider.clone(), Provider { name: provider, kind })].into_iter().collect(),
        canary: None,
        windows: Vec::new(),
        contacts: Vec::new(),
        notify: Vec::new(),
    }
}
