//! Touches of a site: each is an adapter's touch of the members that it is about.

use futures::future::join_all;

use super::{Sites, merge};
use crate::actions::database::port::{Account, Answer, Fence, Hands, Keepsake, Row, Settling, Way};
use crate::base::name::{HostName, SiteName};
use crate::engine::action::{ActionError, Evidence, Touch};
use crate::runbook::bound::Mode;

impl Sites {
    /// Lets the one serve again that did, once none of those beside it can have been promoted.
    async fn open(&self, touch: &Touch, site: &SiteName) -> Result<Evidence, ActionError> {
        let led = self.led(site).await?;
        for host in self.hosts(site)?.iter().filter(|host| *host != led) {
            let doubt = match self.kin.doubt_that_it_followed(host).await {
                Ok(None) => continue,
                Ok(Some(doubt)) => doubt,
                // Of one that cannot be seen only a person can know, and has said so.
                Err(_) if self.context.accepted.unfenced.contains_key(site) => continue,
                Err(error) => error.to_string(),
            };
            return Err(ActionError::refused(format!(
                "`{}` stays fenced at {site}: {host} is not seen to have stayed a follower ({doubt})",
                self.service
            )));
        }
        self.kin.unfence(touch, led).await
    }

    /// Fences whoever is not, all at once, and says how all of them stand then.
    async fn shut(&self, touch: &Touch, site: &SiteName, mode: Mode) -> Result<Fence, ActionError> {
        let looks = self.each(self.hosts(site)?, |host| self.kin.fence_look(host)).await?;
        let fences = looks.into_iter().map(|(host, fence)| async move {
            match fence {
                Fence::Open(_) | Fence::Unproven(_) => {
                    self.kin.fence(touch, host, mode).await.map(|fence| (host, fence))
                }
                seen => Ok((host, seen)),
            }
        });
        let fences: Result<Vec<_>, _> = join_all(fences).await.into_iter().collect();
        Ok(merge::fences(fences?, self.context.accepted.unfenced.contains_key(site)))
    }

    /// Makes each follow in its own way. One that cannot does not hold up the others.
    async fn all_follow(
        &self,
        touch: &Touch,
        (site, leader): (&SiteName, &SiteName),
        way: &Way,
    ) -> Result<Evidence, ActionError> {
        let (leads, followers) = self.followers(site, leader).await?;
        if let [only] = followers.as_slice() {
            return self.kin.follow(touch, only, leads, way).await;
        }
        let each = followers.into_iter().map(|host| async move {
            let done = match merge::way_of(way, host) {
                Some(Way::Already(evidence)) => Ok(evidence),
                Some(way) => self.kin.follow(touch, host, leads, &way).await,
                None => Err(ActionError::transient(format!("how {host} could follow was not looked at"))),
            };
            (host, done)
        });
        merge::done(join_all(each).await)
    }
}

impl Hands for Sites {
    fn shorten<'a>(&'a self, touch: &'a Touch, site: &'a SiteName) -> Answer<'a, Evidence> {
        Box::pin(async move { self.kin.shorten(touch, self.leading(site).await?).await })
    }
    fn fence<'a>(&'a self, touch: &'a Touch, site: &'a SiteName, mode: Mode) -> Answer<'a, Fence> {
        Box::pin(async move {
            match self.hosts(site)? {
                [only] => self.kin.fence(touch, only, mode).await,
                _ => self.shut(touch, site, mode).await,
            }
        })
    }
    fn unfence<'a>(&'a self, touch: &'a Touch, site: &'a SiteName) -> Answer<'a, Evidence> {
        Box::pin(self.open(touch, site))
    }
    fn detach<'a>(&'a self, touch: &'a Touch, site: &'a SiteName) -> Answer<'a, Evidence> {
        Box::pin(async move { self.kin.detach(touch, self.leading(site).await?).await })
    }
    fn attach<'a>(&'a self, touch: &'a Touch, site: &'a SiteName, leader: &'a SiteName) -> Answer<'a, Evidence> {
        Box::pin(async move { self.kin.attach(touch, self.leading(site).await?, self.led(leader).await?).await })
    }
    fn promote<'a>(
        &'a self,
        touch: &'a Touch,
        from: Option<&'a SiteName>,
        to: &'a SiteName,
        settling: Settling,
    ) -> Answer<'a, Evidence> {
        Box::pin(async move {
            let from = match from {
                // Who led there is for the receipt; a site that is lost may not tell.
                Some(site) => self.led(site).await.ok().or(self.hosts(site)?.first()),
                None => None,
            };
            self.kin.promote(touch, from, self.leading(to).await?, settling).await
        })
    }
    fn settle<'a>(&'a self, touch: &'a Touch, site: &'a SiteName) -> Answer<'a, Evidence> {
        Box::pin(async move { self.kin.settle(touch, self.leading(site).await?).await })
    }
    fn write_row<'a>(
        &'a self,
        touch: &'a Touch,
        leader: &'a SiteName,
        seen_at: &'a SiteName,
        row: Row,
    ) -> Answer<'a, Evidence> {
        Box::pin(async move {
            if row == Row::WriteTest {
                let leads = self.leading(leader).await?;
                return self.kin.write_row(touch, leads, leads, row).await;
            }
            let (leads, followers) = self.followers(seen_at, leader).await?;
            Ok(merge::evidences(self.each(followers, |host| self.kin.write_row(touch, leads, host, row)).await?))
        })
    }
    fn follow<'a>(
        &'a self,
        touch: &'a Touch,
        site: &'a SiteName,
        leader: &'a SiteName,
        way: &'a Way,
    ) -> Answer<'a, Evidence> {
        Box::pin(self.all_follow(touch, (site, leader), way))
    }
    fn keep<'a>(
        &'a self,
        touch: &'a Touch,
        site: &'a SiteName,
        leader: &'a SiteName,
        label: &'a str,
    ) -> Answer<'a, Evidence> {
        Box::pin(async move {
            let (leads, followers) = self.followers(site, leader).await?;
            let one = |host: &'a HostName| -> Answer<'a, Evidence> {
                Box::pin(async move {
                    match self.kin.keepsake(host, leads, label).await? {
                        Keepsake::ToKeep(_) => self.kin.keep(touch, host, leads, label).await,
                        Keepsake::Nothing(evidence) | Keepsake::Kept(evidence) => Ok(evidence),
                    }
                })
            };
            if let [only] = followers.as_slice() {
                return self.kin.keep(touch, only, leads, label).await;
            }
            Ok(merge::evidences(self.each(followers, one).await?))
        })
    }
    fn take_account<'a>(&'a self, touch: &'a Touch, site: &'a SiteName, leader: &'a SiteName) -> Answer<'a, Evidence> {
        Box::pin(async move {
            let (leads, followers) = self.followers(site, leader).await?;
            let one = |host: &'a HostName| -> Answer<'a, Evidence> {
                Box::pin(async move {
                    match self.kin.lost_writes(host, leads).await? {
                        Account::ToTake(_) => self.kin.take_account(touch, host, leads).await,
                        Account::Needless(evidence) | Account::Taken(evidence) => Ok(evidence),
                    }
                })
            };
            if let [only] = followers.as_slice() {
                return self.kin.take_account(touch, only, leads).await;
            }
            Ok(merge::saved(self.each(followers, one).await?))
        })
    }
    fn tidy<'a>(&'a self, touch: &'a Touch) -> Answer<'a, Evidence> {
        self.kin.tidy(touch)
    }
}
