//! Who serves at this moment and how far the others are behind: what whoever decides looks at first.

use futures::future::join_all;

use super::wire::Workshop;
use crate::actions::database::port::{Role, Standing};
use crate::base::name::ServiceName;

/// One member as it was seen.
struct Member {
    service: ServiceName,
    place: String,
    standing: Result<Standing, String>,
}

/// A line for every member of every database.
pub async fn lines(workshop: &Workshop) -> Vec<String> {
    let looks = workshop.databases().flat_map(|(service, database)| {
        database.members().map(move |(site, host)| async move {
            let standing = database.by_member().standing(host).await.map_err(|error| error.message);
            Member { service: service.clone(), place: database.place(site, host), standing }
        })
    });
    let members: Vec<Member> = join_all(looks).await;
    members.iter().map(|member| member.line(&members)).collect()
}

impl Member {
    fn line(&self, all: &[Self]) -> String {
        let Self { service, place, standing } = self;
        match standing {
            Err(error) => format!("? {service} at {place}: {error}"),
            Ok(standing) => {
                let mark = match standing.role {
                    Role::Primary => "●",
                    Role::Standby => "○",
                    Role::Down => "✗",
                };
                let members = all.iter().filter(|other| other.service == *service);
                let behind = behind(standing, members.filter_map(|other| other.standing.as_ref().ok()));
                format!("{mark} {service} at {place}: {}{behind}", standing.summary)
            }
        }
    }
}

/// How far a member is behind the one that takes writes; nothing where there is not exactly one.
pub fn behind<'a>(standing: &Standing, all: impl Iterator<Item = &'a Standing>) -> String {
    let primaries: Vec<&Standing> = all.filter(|standing| standing.role == Role::Primary).collect();
    let [primary] = primaries.as_slice() else { return String::new() };
    // What went on by itself is not behind, it is elsewhere.
    let apart = standing.identity != primary.identity || standing.timeline != primary.timeline;
    if standing.role == Role::Primary || apart {
        return String::new();
    }
    // The two were not looked at in the same instant: what is ahead by a little is not behind.
    format!("; {} bytes behind", primary.position.saturating_sub(standing.position))
}
