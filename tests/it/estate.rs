//! A good estate is filled in as the reference says.

use std::path::{Path, PathBuf};

use switchback::base::name::{HostName, ServiceName, SiteName};
use switchback::base::place::Source;
use switchback::base::secret::SecretRef;
use switchback::estate::model::{Control, EntranceKind, Kind, PostgresMember, ReplicationAuth, Tls};
use switchback::estate::{self, Estate};

use crate::bench::{Folder, case, edited};

fn shop() -> Estate {
    let folder = Folder::shop();
    estate::load(&folder.estate()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn member(estate: &Estate, service: &str, site: &str) -> PostgresMember {
    let (service, site) = (ServiceName::new(service).expect("a name"), SiteName::new(site).expect("a name"));
    estate.postgres_leader(&service, &site).expect("a member").clone()
}

#[test]
fn a_layout_fills_in_what_a_member_does_not_say() {
    let estate = shop();
    let a = member(&estate, "orders", "dallas");
    assert_eq!(a.data_dir, Path::new("/var/lib/postgresql/15/main"));
    assert_eq!(a.config_dir, Path::new("/etc/postgresql/15/main"));
    assert_eq!(a.bin_dir, Path::new("/usr/lib/postgresql/15/bin"));
    assert_eq!(a.control, Control::Systemd { unit: "postgresql@15-main".to_owned() });
    assert_eq!((a.port, a.run_as.as_deref()), (5432, Some("postgres")));
    assert_eq!(a.tls, Tls::Verified { ca: Some(PathBuf::from("/etc/switchback/ca.pem")) });
    assert_eq!(a.replication.auth, ReplicationAuth::Passfile("/var/lib/postgresql/.pgpass".into()));
    assert_eq!(a.replication.sslmode, "verify-full");
    assert_eq!(member(&estate, "orders", "nuremberg").port, 5433);
}

#[test]
fn what_a_member_says_beats_its_service() {
    let estate = shop();
    let (a, b) = (member(&estate, "crm", "dallas"), member(&estate, "crm", "nuremberg"));
    assert_eq!(a.control, Control::PgCtl);
    assert_eq!(b.control, Control::Systemd { unit: "crm.service".to_owned() });
    assert_eq!(a.password, SecretRef::Env("CRM_PASSWORD".to_owned()));
    let SecretRef::Command(argv) = &b.password else { panic!("{:?}", b.password) };
    assert_eq!(argv[0], estate.folder.join("./secrets/print").to_string_lossy());
    assert_eq!((&a.tls, a.replication.sslmode.as_str()), (&Tls::Off, "prefer"));
    assert_eq!((a.config_dir.as_path(), a.run_as), (Path::new("/srv/crm/data"), None));
}

#[test]
fn defaults_stand_for_what_a_host_does_not_say() {
    let estate = shop();
    let host = |name: &str| estate.hosts[&HostName::new(name).expect("a name")].clone();
    assert_eq!((host("a-web1").user.as_deref(), host("a-web1").sudo), (Some("deploy"), true));
    assert_eq!((host("b-web1").user.as_deref(), host("b-web1").sudo), (Some("www"), false));
    let home = std::env::home_dir().expect("a home");
    assert_eq!(host("a-db").key, Some(home.join(".ssh/switchback")));
    assert_eq!(host("a-db").cut_off.expect("cut off").look, ["power", "status", "a-db"]);
}

#[test]
fn entrances_point_to_the_sites_entry_unless_they_say_otherwise() {
    let estate = shop();
    let records = |name: &str, site: &str| {
        let EntranceKind::Dns(dns) = &estate.entrances[name].kind;
        (dns.records[site].clone(), dns.ttl.to_string())
    };
    let (www, ttl) = records("www.shop.test", "dallas");
    assert_eq!((www.a.len(), www.aaaa.len(), ttl.as_str()), (1, 1, "30s"));
    let (internal, _) = records("*.shop.internal", "nuremberg");
    assert_eq!(internal.cname.as_deref(), Some("b-db.shop.internal"));
    assert_eq!(records("crm.shop.test", "dallas").1, "5m");
}

#[test]
fn objectives_are_the_estates_unless_a_service_has_its_own() {
    let estate = shop();
    let crm = &estate.services["crm"].objectives;
    assert_eq!(
        (crm.rpo.map(|s| s.to_string()), crm.rto.map(|s| s.to_string())),
        (Some("5m".into()), Some("1m".into()))
    );
    assert!(matches!(estate.services["shop-web"].kind, Kind::Web(_)));
    assert_eq!(estate.digest.len(), 64);
}

/// The plain estate with a second host at site a, and a MariaDB service that has a member on each.
fn with_siblings(from: &str, to: &str) -> Result<Estate, String> {
    let service = "services:\n  booking:\n    priority: 1\n    mysql:\n      flavour: mariadb\n      control: {systemd: mariadb}\n      \
                   databases: [booking]\n      user: switchback\n      password: {env: BOOKING}\n      \
                   replication: {user: repl, password: {env: REPL}}\n      followers: of_primary\n      \
                   members:\n        a-db: {}\n        a-db2: {}\n        b-db: {}\n";
    let text = case("plain.yaml").replacen("services:\n", service, 1).replacen(
        "  b-db: {",
        "  a-db2: {site: a}\n  b-db: {",
        1,
    );
    let source = Source::new("switchback.yaml", edited(&text, from, to));
    estate::parse(&source, Path::new("/"), None).map_err(|problems| problems.to_string())
}

#[test]
fn a_site_may_have_several_members_of_a_mariadb() {
    let estate = with_siblings("followers: of_primary", "followers: of_primary").expect("sound");
    let kind = &estate.services[&ServiceName::new("booking").expect("a name")].kind;
    let sites: Vec<&str> = kind.database_sites().expect("a database").iter().map(|site| site.as_str()).collect();
    assert_eq!(sites, ["a", "b"], "each once");
    let members = kind.database_members().expect("a database");
    let members: Vec<_> = members.iter().map(|(site, host)| (site.as_str(), host.as_str())).collect();
    assert_eq!(members, [("a", "a-db"), ("a", "a-db2"), ("b", "b-db")], "in the order written");
}

#[test]
fn what_siblings_cannot_do_yet_is_said() {
    let refused = |from: &str, to: &str| with_siblings(from, to).map(drop).expect_err("it is refused");
    let said = refused("followers: of_primary", "followers: per_site");
    assert!(said.contains("lets every member follow the one that serves"), "{said}");
    let said = refused(
        "{user: replicator}\n      members: {a-db: {}, b-db: {}}",
        "{user: replicator}\n      members: {a-db2: {}, a-db: {}, b-db: {}}",
    );
    assert!(
        said.contains("a-db is at a, and so is a-db2; of PostgreSQL this version moves one server a site"),
        "{said}"
    );
}
