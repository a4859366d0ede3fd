//! PostgreSQL instances: what a member says beats what its service says, and what either writes out
//! beats what its `layout` would fill in.

use std::path::PathBuf;

use super::Filling;
use crate::base::at::At;
use crate::base::name::{HostName, ServiceName, SiteName};
use crate::estate::model::{Control, Postgres, PostgresMember, Replication, ReplicationAuth, Tls};
use crate::estate::written;

/// PostgreSQL's own default.
const PORT: u16 = 5432;
/// Longest database name, in bytes: PostgreSQL cuts longer ones off (NAMEDATALEN).
const DATABASE_BYTES_MAX: usize = 63;

pub(super) fn postgres(
    name: &At<ServiceName>,
    postgres: &written::Postgres,
    estate: &written::Estate,
    filling: &mut Filling<'_>,
) -> Option<Postgres> {
    let about = format!("services.{}.postgres", name.value);
    let sound =
        |database: &String| !database.is_empty() && database.len() <= DATABASE_BYTES_MAX && !database.contains('\0');
    if postgres.databases.is_empty() || !postgres.databases.iter().all(sound) {
        filling.problem(
            postgres.databases.extent,
            format!("{about}.databases: the name of at least one database is expected"),
        );
    }
    super::control::followers(postgres.followers.as_ref(), &about, filling);
    let mut members = Vec::new();
    for (host, own) in postgres.members.iter() {
        // A host that does not exist is told by the check of references.
        let site = estate.hosts.get(host.as_str()).map(|found| &found.site.value);
        let said = Said { host, about: &about, member: own, service: postgres };
        let member = site.and_then(|site| said.member(site, filling));
        members.push(member);
    }
    let members = members.into_iter().collect::<Option<Vec<_>>>()?;
    one_a_site(postgres, &members, &about, filling);
    Some(Postgres { members })
}

fn one_a_site(postgres: &written::Postgres, members: &[PostgresMember], about: &str, filling: &mut Filling<'_>) {
    for (at, ((host, _), member)) in postgres.members.iter().zip(members).enumerate() {
        if let Some(first) = members.iter().take(at).find(|first| first.site == member.site) {
            let sentence = format!(
                "{about}.members: {} is at {}, and so is {}; of PostgreSQL this version moves one server a site",
                host.value, member.site, first.host
            );
            filling.problem(host.extent, sentence);
        }
    }
}

/// What is said of one member, by itself and by its service.
struct Said<'a> {
    host: &'a At<HostName>,
    about: &'a str,
    member: &'a written::PostgresMember,
    service: &'a written::Postgres,
}

/// What Debian's packages lay out for a cluster (postgresql-common, `pg_createcluster`).
#[derive(Default)]
struct Debian {
    config_dir: String,
    data_dir: String,
    bin_dir: String,
    unit: String,
}

impl Debian {
    fn of(layout: &written::Layout) -> Option<Self> {
        let (version, cluster) = layout.debian.split_once('/')?;
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if !number(version) || cluster.is_empty() || cluster.starts_with(['-', '.']) || !plain(cluster) {
            return None;
        }
        Some(Self {
            config_dir: format!("/etc/postgresql/{version}/{cluster}"),
            data_dir: format!("/var/lib/postgresql/{version}/{cluster}"),
            bin_dir: format!("/usr/lib/postgresql/{version}/bin"),
            unit: format!("postgresql@{version}-{cluster}"),
        })
    }
}

impl Said<'_> {
    fn path(&self, key: &str) -> String {
        format!("{}.members.{}.{key}", self.about, self.host.value)
    }

    fn missing(&self, key: &str, filling: &mut Filling<'_>) {
        let sentence = format!("{}.members.{}: `{key}` is missing", self.about, self.host.value);
        filling.problem_with_hint(self.host.extent, sentence, "write it at the member, or once at the service");
    }

    fn member(&self, site: &SiteName, filling: &mut Filling<'_>) -> Option<PostgresMember> {
        let (own, all) = (self.member, self.service);
        let near = self.layout(own.layout.as_ref(), filling);
        let far = self.layout(all.layout.as_ref(), filling);
        let layouts = (near.as_ref(), far.as_ref());
        let port = own.port.as_ref().or(all.port.as_ref());
        if let Some(port) = port.filter(|port| port.value == 0) {
            filling.problem(port.extent, format!("{}: 0 is not a port", self.path("port")));
        }
        let data_dir =
            self.dir("data_dir", (&own.data_dir, &all.data_dir), layouts, |debian| &debian.data_dir, filling);
        let bin_dir = self.dir("bin_dir", (&own.bin_dir, &all.bin_dir), layouts, |debian| &debian.bin_dir, filling);
        let config_dir =
            self.dir("config_dir", (&own.config_dir, &all.config_dir), layouts, |debian| &debian.config_dir, filling);
        let user = own.user.as_ref().or(all.user.as_ref());
        let password = own.password.as_ref().or(all.password.as_ref());
        let password = password.map(|secret| filling.secret(secret, &format!("{}.password", self.about)));
        let tls = super::control::tls(own.tls.as_ref().or(all.tls.as_ref()), self.about, filling);
        let control = self.control(layouts, filling);
        let replication = self.replication(&tls, filling);
        let needed = [
            ("data_dir", data_dir.is_none()),
            ("bin_dir", bin_dir.is_none()),
            ("user", user.is_none()),
            ("password", password.is_none()),
        ];
        for (key, _) in needed.iter().filter(|(_, missing)| *missing) {
            self.missing(key, filling);
        }
        let run_as = own.run_as.as_ref().or(all.run_as.as_ref());
        let run_as = run_as.map(|user| filling.word(user, &self.path("run_as")));
        let data_dir = data_dir?;
        Some(PostgresMember {
            host: self.host.value.clone(),
            site: site.clone(),
            port: port.map_or(PORT, |port| port.value),
            databases: all.databases.value.clone(),
            user: user?.value.clone(),
            password: password?,
            tls,
            config_dir: config_dir.unwrap_or_else(|| data_dir.clone()),
            data_dir,
            bin_dir: bin_dir?,
            control: control?,
            run_as: run_as.or_else(|| (near.is_some() || far.is_some()).then(|| "postgres".to_owned())),
            replication: replication?,
        })
    }

    fn layout(&self, layout: Option<&written::Layout>, filling: &mut Filling<'_>) -> Option<Debian> {
        let layout = layout?;
        Some(Debian::of(layout).unwrap_or_else(|| {
            let sentence = format!("{}.layout.debian: VERSION/CLUSTER is expected, as 15/main", self.about);
            filling.problem(layout.debian.extent, sentence);
            // It says where everything is, only wrongly: nothing is missing on top of that.
            Debian::default()
        }))
    }

    /// From the nearest to the farthest: the member's own, its layout's, the service's, its layout's.
    fn dir(
        &self,
        key: &str,
        (own, all): (&Option<At<String>>, &Option<At<String>>),
        (near, far): (Option<&Debian>, Option<&Debian>),
        of_layout: impl Fn(&Debian) -> &String,
        filling: &mut Filling<'_>,
    ) -> Option<PathBuf> {
        if let Some(own) = own {
            return Some(filling.remote(own, &self.path(key)));
        }
        if let Some(near) = near {
            return Some(PathBuf::from(of_layout(near)));
        }
        if let Some(all) = all {
            return Some(filling.remote(all, &format!("{}.{key}", self.about)));
        }
        far.map(|far| PathBuf::from(of_layout(far)))
    }

    fn control(&self, (near, far): (Option<&Debian>, Option<&Debian>), filling: &mut Filling<'_>) -> Option<Control> {
        let unit = |debian: &Debian| Control::Systemd { unit: debian.unit.clone() };
        let written = match (&self.member.control, near, &self.service.control, far) {
            (Some(own), ..) => own,
            (None, Some(near), ..) => return Some(unit(near)),
            (None, None, Some(all), _) => all,
            (None, None, None, Some(far)) => return Some(unit(far)),
            (None, None, None, None) => {
                self.missing("control", filling);
                return None;
            }
        };
        let about = format!("{}.control", self.about);
        match &written.value {
            written::Control::PgCtl => Some(Control::PgCtl),
            written::Control::Keys(keys) => super::control::keys(&written.with(&**keys), &about, filling),
        }
    }

    fn replication(&self, tls: &Tls, filling: &mut Filling<'_>) -> Option<Replication> {
        let Some(written) = self.member.replication.as_ref().or(self.service.replication.as_ref()) else {
            self.missing("replication", filling);
            return None;
        };
        let about = format!("{}.replication", self.about);
        let sslmode = written.sslmode.as_ref().map(|mode| mode.as_str());
        Some(Replication {
            user: filling.word(&written.user, &format!("{about}.user")),
            auth: match &written.passfile {
                Some(path) => ReplicationAuth::Passfile(filling.remote(path, &format!("{about}.passfile"))),
                None => ReplicationAuth::None,
            },
            address: written.address.as_ref().map(|address| filling.word(address, &format!("{about}.address"))),
            sslmode: sslmode.unwrap_or(if *tls == Tls::Off { "prefer" } else { "verify-full" }).to_owned(),
            sslrootcert: written.sslrootcert.as_ref().map(|path| filling.remote(path, &format!("{about}.sslrootcert"))),
        })
    }
}
