//! The port over the simulated world: what a careful adapter sees and does, in small.

use futures::future::BoxFuture;
use switchback::actions::database::port::{
    Account, Answer, Arrival, By, Eyes, Fence, Finding, Hands, Keepsake, Part, Role, Row, Same, Settled, Settling,
    Severity, Standing, Table, Way,
};
use switchback::base::name::SiteName;
use switchback::engine::action::{ActionError, Evidence, Touch};
use switchback::runbook::bound::Mode;

use super::world::{At, SITES, Shared, World};

#[derive(Debug)]
pub struct SimDatabase(pub Shared);

fn site(at: At) -> SiteName {
    SiteName::new(SITES[at]).expect("a name")
}

fn index(site: &SiteName) -> At {
    SITES.iter().position(|name| *name == site.as_str()).expect("a site of the world")
}

fn standing(world: &World, at: At) -> Standing {
    let member = &world.members[at];
    let role = match (member.running, member.recovery) {
        (false, _) => Role::Down,
        (true, true) => Role::Standby,
        (true, false) => Role::Primary,
    };
    let upstream = member.follows.map_or(0, |from| world.members[from].log.len());
    let position = member.log.len() as u64;
    Standing {
        role,
        identity: "one".to_owned(),
        timeline: member.timeline,
        position,
        position_text: position.to_string(),
        follows: member.follows.map(|from| SITES[from].to_owned()),
        streaming: world.streams(at),
        lag_bytes: Some((upstream as u64).saturating_sub(position)),
        lag_ms: Some(0),
        summary: format!("{role:?} on timeline {} at {position}", member.timeline),
    }
}

fn fence_look(world: &World, at: At) -> Fence {
    let member = &world.members[at];
    if member.running && member.recovery {
        return Fence::Proven(Evidence::new("in recovery"));
    }
    if !member.running && member.clean && member.signal {
        return Fence::Proven(Evidence::new("shut down, starts in recovery"));
    }
    Fence::Open(Evidence::new("takes writes, or would"))
}

fn way(world: &World, at: At, leader: At) -> Way {
    let (member, upstream) = (&world.members[at], &world.members[leader]);
    if world.streams(at) && member.follows == Some(leader) {
        return Way::Already(Evidence::new("streams"));
    }
    if member.running && !member.recovery {
        return Way::Blocked("it takes writes itself".to_owned());
    }
    if upstream.log.starts_with(&member.log) && (member.clean || member.running) {
        Way::Follow(Evidence::new("has nothing of its own"))
    } else {
        Way::Rewind(Evidence::new("has diverged"))
    }
}

impl Eyes for SimDatabase {
    fn places(&self) -> Vec<SiteName> {
        vec![site(0), site(1)]
    }
    fn standing<'a>(&'a self, site: &'a SiteName) -> Answer<'a, Standing> {
        let at = index(site);
        Box::pin(self.0.call("standing", at, move |world| Ok(standing(world, at))))
    }
    fn fence_look<'a>(&'a self, site: &'a SiteName) -> Answer<'a, Fence> {
        let at = index(site);
        Box::pin(async move {
            if !self.0.world().members[at].reachable {
                return Ok(Fence::Unprovable("the host does not answer".to_owned()));
            }
            self.0.call("fence_look", at, move |world| Ok(fence_look(world, at))).await
        })
    }
    fn arrival<'a>(&'a self, from: &'a SiteName, to: &'a SiteName) -> Answer<'a, Arrival> {
        let (from, to) = (index(from), index(to));
        Box::pin(async move {
            if !self.0.world().members[from].reachable {
                return Ok(Arrival::Unknown(Evidence::new("the old disk cannot be read")));
            }
            self.0
                .call("arrival", from, move |world| {
                    let (old, new) = (&world.members[from], &world.members[to]);
                    let evidence = Evidence::new(format!("{} of {}", new.log.len(), old.log.len()));
                    Ok(if old.running && !old.recovery {
                        Arrival::StillWriting(evidence)
                    } else if new.log.starts_with(&old.log)
                        || old.log.starts_with(&new.log) && old.log.len() == new.log.len()
                    {
                        Arrival::All(evidence)
                    } else {
                        // A clean stop sends what is left; a server that is gone sends nothing any more.
                        Arrival::Lost { bytes: old.log.len().saturating_sub(new.log.len()) as u64, evidence }
                    })
                })
                .await
        })
    }
    fn findings<'a>(&'a self, _from: Option<&'a SiteName>, to: &'a SiteName, mode: Mode) -> Answer<'a, Vec<Finding>> {
        let at = index(to);
        Box::pin(self.0.call("findings", at, move |world| {
            let silent = mode == Mode::Planned && !world.streams(at);
            let sentence = "it does not stream".to_owned();
            Ok(silent.then_some(Finding { severity: Severity::Blocks, sentence }).into_iter().collect())
        }))
    }
    fn way_to_follow<'a>(&'a self, site: &'a SiteName, leader: &'a SiteName, _by: By) -> Answer<'a, Way> {
        let (at, leader) = (index(site), index(leader));
        Box::pin(self.0.call("way_to_follow", at, move |world| Ok(way(world, at, leader))))
    }
    fn keepsake<'a>(&'a self, site: &'a SiteName, leader: &'a SiteName, _label: &'a str) -> Answer<'a, Keepsake> {
        let (at, leader) = (index(site), index(leader));
        Box::pin(self.0.call("keepsake", at, move |world| {
            Ok(match way(world, at, leader) {
                Way::Rewind(_) if world.members[at].kept => Keepsake::Kept(Evidence::new("kept")),
                Way::Rewind(_) => Keepsake::ToKeep(Evidence::new("to keep")),
                _ => Keepsake::Nothing(Evidence::new("nothing")),
            })
        }))
    }
    fn lost_writes<'a>(&'a self, site: &'a SiteName, leader: &'a SiteName) -> Answer<'a, Account> {
        let (at, leader) = (index(site), index(leader));
        Box::pin(self.0.call("lost_writes", at, move |world| {
            Ok(match way(world, at, leader) {
                Way::Rewind(_) if world.members[at].accounted => Account::Taken(Evidence::new("saved")),
                Way::Rewind(_) => Account::ToTake(Evidence::new("to save")),
                _ => Account::Needless(Evidence::new("nothing")),
            })
        }))
    }
    fn tables<'a>(&'a self, site: &'a SiteName, _leader: &'a SiteName) -> Answer<'a, Vec<Table>> {
        let at = index(site);
        Box::pin(self.0.call("tables", at, |_| {
            let (database, name) = ("one".to_owned(), "log".to_owned());
            Ok(vec![Table { database, name, key: "log".to_owned(), bytes: 2 }])
        }))
    }
    fn compare<'a>(
        &'a self,
        site: &'a SiteName,
        leader: &'a SiteName,
        _table: &'a Table,
        from: Option<&'a str>,
    ) -> Answer<'a, Part> {
        let (at, leader) = (index(site), index(leader));
        // Two parts: the first ten entries, and the rest.
        let first = from.is_none();
        Box::pin(self.0.call("compare", at, move |world| {
            world.replicate(at, usize::MAX);
            let part = |at: At| -> Vec<_> {
                let log = world.members[at].log.iter().enumerate();
                log.filter(|(number, _)| (*number < 10) == first).map(|(_, entry)| *entry).collect()
            };
            let falsified = world.members[at].falsified && first;
            let same =
                if part(at) == part(leader) && !falsified { Same::Equal } else { Same::Differs("log".to_owned()) };
            let (rows, bytes) = (part(leader).len() as u64, if first { 1 } else { 2 });
            Ok(Part { same, rows, bytes, next: first.then(|| "10".to_owned()) })
        }))
    }
    fn has_row<'a>(&'a self, site: &'a SiteName, row: Row) -> Answer<'a, Option<Evidence>> {
        let at = index(site);
        Box::pin(self.0.call("has_row", at, move |world| {
            let member = &world.members[at];
            Ok(member.test_rows.contains(&(member.timeline, row == Row::Marker)).then(|| Evidence::new("there")))
        }))
    }
    fn doubt_that_it_followed<'a>(&'a self, site: &'a SiteName) -> Answer<'a, Option<String>> {
        let at = index(site);
        Box::pin(self.0.call("doubt_that_it_followed", at, move |world| {
            let member = &world.members[at];
            let followed = member.recovery && member.signal && !member.forgot;
            Ok((!followed).then(|| "it was promoted".to_owned()))
        }))
    }
    fn settled<'a>(&'a self, site: &'a SiteName) -> Answer<'a, Settled> {
        let at = index(site);
        Box::pin(self.0.call("settled", at, move |world| {
            let member = &world.members[at];
            let evidence = Evidence::new(format!("starts in recovery: {}", member.signal));
            Ok(match (world.is_writable(at), member.signal) {
                (true, false) => Settled::Yes(evidence),
                (true, true) => Settled::Not(evidence),
                (false, _) if member.running && member.forgot => Settled::FellBack(evidence),
                (false, _) => Settled::NotPromoted(evidence),
            })
        }))
    }
    fn leftovers(&self) -> Answer<'_, Vec<String>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

type Done<'a> = BoxFuture<'a, Result<Evidence, ActionError>>;

impl Hands for SimDatabase {
    fn shorten<'a>(&'a self, _touch: &'a Touch, site: &'a SiteName) -> Done<'a> {
        Box::pin(self.0.call("shorten", index(site), |_| Ok(Evidence::new("flushed"))))
    }
    fn fence<'a>(&'a self, _touch: &'a Touch, site: &'a SiteName, _mode: Mode) -> Answer<'a, Fence> {
        let at = index(site);
        Box::pin(self.0.call("fence", at, move |world| {
            let other = 1 - at;
            world.members[at].signal = true;
            if world.members[at].running && !world.members[at].recovery {
                // A clean stop is not over before every standby that is attached has everything.
                if world.members[other].follows == Some(at) {
                    world.replicate(other, usize::MAX);
                }
                world.members[at].running = false;
            }
            world.members[at].clean = true;
            Ok(fence_look(world, at))
        }))
    }
    fn unfence<'a>(&'a self, _touch: &'a Touch, site: &'a SiteName) -> Done<'a> {
        let at = index(site);
        Box::pin(self.0.call("unfence", at, move |world| {
            let member = &mut world.members[at];
            (member.signal, member.running, member.recovery, member.clean) = (false, true, false, false);
            Ok(Evidence::new("serves again"))
        }))
    }
    fn detach<'a>(&'a self, _touch: &'a Touch, site: &'a SiteName) -> Done<'a> {
        let at = index(site);
        Box::pin(self.0.call("detach", at, move |world| {
            world.members[at].follows = None;
            Ok(Evidence::new("follows nobody"))
        }))
    }
    fn attach<'a>(&'a self, _touch: &'a Touch, site: &'a SiteName, leader: &'a SiteName) -> Done<'a> {
        let (at, leader) = (index(site), index(leader));
        Box::pin(self.0.call("attach", at, move |world| {
            if world.members[at].forgot {
                return Err(ActionError::refused("it does not know whom it followed"));
            }
            world.members[at].follows = Some(leader);
            Ok(Evidence::new("follows again"))
        }))
    }
    /// As MariaDB's: what a start comes up as is not part of taking writes.
    fn promote<'a>(
        &'a self,
        _touch: &'a Touch,
        _from: Option<&'a SiteName>,
        to: &'a SiteName,
        settling: Settling,
    ) -> Done<'a> {
        let at = index(to);
        Box::pin(self.0.call("promote", at, move |world| {
            let member = &mut world.members[at];
            if !member.running || !member.recovery {
                return Err(ActionError::refused("it is not in recovery"));
            }
            // What fell back has been promoted before.
            let promoted_before = member.forgot;
            (member.recovery, member.follows, member.forgot) = (false, None, true);
            member.signal = settling == Settling::Later;
            member.timeline += 1;
            if !promoted_before {
                world.promotions += 1;
            }
            Ok(Evidence::new("promoted"))
        }))
    }
    fn settle<'a>(&'a self, _touch: &'a Touch, site: &'a SiteName) -> Done<'a> {
        let at = index(site);
        Box::pin(self.0.call("settle", at, move |world| {
            if !world.is_writable(at) {
                return Err(ActionError::transient("it takes no writes"));
            }
            world.members[at].signal = false;
            Ok(Evidence::new("settled"))
        }))
    }
    fn write_row<'a>(&'a self, _touch: &'a Touch, leader: &'a SiteName, seen_at: &'a SiteName, row: Row) -> Done<'a> {
        let (leader, seen_at) = (index(leader), index(seen_at));
        Box::pin(self.0.call("write_row", leader, move |world| {
            if !world.is_writable(leader) {
                return Err(ActionError::transient("it takes no writes"));
            }
            let timeline = world.members[leader].timeline;
            world.members[leader].test_rows.insert((timeline, row == Row::Marker));
            world.replicate(seen_at, usize::MAX);
            Ok(Evidence::new("written and read back"))
        }))
    }
    fn follow<'a>(&'a self, _touch: &'a Touch, site: &'a SiteName, leader: &'a SiteName, way: &'a Way) -> Done<'a> {
        let (at, leader) = (index(site), index(leader));
        let rewinds = matches!(way, Way::Rewind(_) | Way::Copy(_));
        Box::pin(self.0.call("follow", at, move |world| {
            let log = world.members[leader].log.clone();
            let member = &mut world.members[at];
            if member.running && !member.recovery {
                return Err(ActionError::refused("it takes writes itself"));
            }
            if rewinds {
                let same = member.log.iter().zip(&log).take_while(|(own, its)| own == its).count();
                // One that crashed is rewound also where it has nothing of its own.
                let discards = same < member.log.len();
                let (accounted, kept) = (member.accounted, member.kept);
                member.log.truncate(same);
                if discards && !accounted {
                    world.broken.push(format!("what only {} wrote was discarded and is saved nowhere", SITES[at]));
                }
                if discards && !kept {
                    world.broken.push("what only one member had was thrown away".to_owned());
                }
            }
            let member = &mut world.members[at];
            (member.running, member.recovery, member.signal, member.clean) = (true, true, true, false);
            (member.follows, member.forgot) = (Some(leader), false);
            world.replicate(at, usize::MAX);
            if world.streams(at) {
                Ok(Evidence::new("streams"))
            } else {
                Err(ActionError::transient("it does not stream"))
            }
        }))
    }
    fn keep<'a>(&'a self, _touch: &'a Touch, site: &'a SiteName, _leader: &'a SiteName, _label: &'a str) -> Done<'a> {
        let at = index(site);
        Box::pin(self.0.call("keep", at, move |world| {
            world.members[at].kept = true;
            Ok(Evidence::new("kept"))
        }))
    }
    fn take_account<'a>(&'a self, _touch: &'a Touch, site: &'a SiteName, _leader: &'a SiteName) -> Done<'a> {
        let at = index(site);
        Box::pin(self.0.call("take_account", at, move |world| {
            world.members[at].accounted = true;
            Ok(Evidence::new("saved"))
        }))
    }
    fn tidy<'a>(&'a self, _touch: &'a Touch) -> Done<'a> {
        Box::pin(async { Ok(Evidence::new("nothing was left over")) })
    }
}
