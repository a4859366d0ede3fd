//! A good estate is filled in as the reference says.

use std::path::{Path, PathBuf};

use switchback::base::name::{HostName, ServiceName, SiteName};
use switchback::base::secret::SecretRef;
use switchback::estate::model::{Control, EntranceKind, Kind, PostgresMember, ReplicationAuth, Tls};
use switchback::estate::{self, Estate};

use crate::bench::Folder;

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
