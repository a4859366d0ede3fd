//! MariaDB and MySQL instances: what a member says beats what its service says.

use std::path::PathBuf;

use super::Filling;
use crate::base::at::At;
use crate::base::name::{HostName, ServiceName, SiteName};
use crate::estate::model::{Control, Flavour, Mysql, MysqlMember, MysqlReplication};
use crate::estate::written;

/// The servers' own defaults.
const PORT: u16 = 3306;
const DATA_DIR: &str = "/var/lib/mysql";
/// Debian's and Ubuntu's, whose main file includes these folders last.
const MARIADB_CONFIG_DIR: &str = "/etc/mysql/mariadb.conf.d";
const MYSQL_CONFIG_DIR: &str = "/etc/mysql/mysql.conf.d";
/// Whom packages let the server run as.
const RUN_AS: &str = "mysql";
/// Longest database name, in characters.
const DATABASE_CHARS_MAX: usize = 64;

pub(super) fn mysql(
    name: &At<ServiceName>,
    mysql: &written::Mysql,
    estate: &written::Estate,
    filling: &mut Filling<'_>,
) -> Option<Mysql> {
    let about = format!("services.{}.mysql", name.value);
    let sound = |database: &String| {
        !database.is_empty() && database.chars().count() <= DATABASE_CHARS_MAX && !database.contains('\0')
    };
    if mysql.databases.is_empty() || !mysql.databases.iter().all(sound) {
        filling.problem(
            mysql.databases.extent,
            format!("{about}.databases: the name of at least one database is expected"),
        );
    }
    super::control::followers(mysql.followers.as_ref(), &about, filling);
    let mut members = Vec::new();
    for (host, own) in mysql.members.iter() {
        // A host that does not exist is told by the check of references.
        let site = estate.hosts.get(host.as_str()).map(|found| &found.site.value);
        let said = Said { host, about: &about, member: own, service: mysql };
        members.push(site.and_then(|site| said.member(site, filling)));
    }
    let members = members.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Mysql { members })
}

/// What is said of one member, by itself and by its service.
struct Said<'a> {
    host: &'a At<HostName>,
    about: &'a str,
    member: &'a written::MysqlMember,
    service: &'a written::Mysql,
}

impl Said<'_> {
    fn path(&self, key: &str) -> String {
        format!("{}.members.{}.{key}", self.about, self.host.value)
    }

    fn missing(&self, key: &str, filling: &mut Filling<'_>) {
        let sentence = format!("{}.members.{}: `{key}` is missing", self.about, self.host.value);
        filling.problem_with_hint(self.host.extent, sentence, "write it at the member, or once at the service");
    }

    fn member(&self, site: &SiteName, filling: &mut Filling<'_>) -> Option<MysqlMember> {
        let (own, all) = (self.member, self.service);
        let port = own.port.as_ref().or(all.port.as_ref());
        if let Some(port) = port.filter(|port| port.value == 0) {
            filling.problem(port.extent, format!("{}: 0 is not a port", self.path("port")));
        }
        let flavour = match all.flavour.value {
            written::Flavour::Mariadb => Flavour::MariaDb,
            written::Flavour::Mysql => Flavour::MySql,
        };
        let mut dir = |key: &str, own: &Option<At<String>>, all: &Option<At<String>>| {
            let path = own.as_ref().map(|own| filling.remote(own, &self.path(key)));
            path.or_else(|| all.as_ref().map(|all| filling.remote(all, &format!("{}.{key}", self.about))))
        };
        let data_dir = dir("data_dir", &own.data_dir, &all.data_dir);
        let config_dir = dir("config_dir", &own.config_dir, &all.config_dir);
        let config_file = dir("config_file", &own.config_file, &all.config_file);
        let bin_dir = dir("bin_dir", &own.bin_dir, &all.bin_dir);
        let user = own.user.as_ref().or(all.user.as_ref());
        let password = own.password.as_ref().or(all.password.as_ref());
        let password = password.map(|secret| filling.secret(secret, &format!("{}.password", self.about)));
        let tls = super::control::tls(own.tls.as_ref().or(all.tls.as_ref()), self.about, filling);
        let about_control = format!("{}.control", self.about);
        let written_control = own.control.as_ref().or(all.control.as_ref());
        let control =
            written_control.map(|control| super::control::keys(&control.with(&control.value), &about_control, filling));
        let replication = self.replication(filling);
        let needed = [("user", user.is_none()), ("password", password.is_none()), ("control", control.is_none())];
        for (key, _) in needed.iter().filter(|(_, missing)| *missing) {
            self.missing(key, filling);
        }
        let run_as = own.run_as.as_ref().or(all.run_as.as_ref());
        let run_as = run_as.map(|user| filling.word(user, &self.path("run_as")));
        let control = control??;
        let of_packages = matches!(control, Control::Systemd { .. });
        let usual_config = match flavour {
            Flavour::MariaDb => MARIADB_CONFIG_DIR,
            Flavour::MySql => MYSQL_CONFIG_DIR,
        };
        Some(MysqlMember {
            host: self.host.value.clone(),
            site: site.clone(),
            flavour,
            port: port.map_or(PORT, |port| port.value),
            databases: all.databases.value.clone(),
            user: user?.value.clone(),
            password: password?,
            tls,
            data_dir: data_dir.unwrap_or_else(|| PathBuf::from(DATA_DIR)),
            config_dir: config_dir.unwrap_or_else(|| PathBuf::from(usual_config)),
            config_file,
            bin_dir,
            control,
            run_as: run_as.or_else(|| of_packages.then(|| RUN_AS.to_owned())),
            replication: replication?,
        })
    }

    fn replication(&self, filling: &mut Filling<'_>) -> Option<MysqlReplication> {
        let Some(written) = self.member.replication.as_ref().or(self.service.replication.as_ref()) else {
            self.missing("replication", filling);
            return None;
        };
        let about = format!("{}.replication", self.about);
        Some(MysqlReplication {
            user: filling.word(&written.user, &format!("{about}.user")),
            password: filling.secret(&written.password, &format!("{about}.password")),
            address: written.address.as_ref().map(|address| filling.word(address, &format!("{about}.address"))),
            sslrootcert: written.sslrootcert.as_ref().map(|path| filling.remote(path, &format!("{about}.sslrootcert"))),
        })
    }
}
