//! Records of one name: compared without regard to order and case, told in one line.

pub use crate::estate::model::Records;

/// The same records in an order of their own, since DNS promises none, and names in one spelling.
pub fn sorted(records: &Records) -> Records {
    let mut sorted = records.clone();
    sorted.a.sort_unstable();
    sorted.a.dedup();
    sorted.aaaa.sort_unstable();
    sorted.aaaa.dedup();
    sorted.cname = sorted.cname.map(|target| target.trim_end_matches('.').to_ascii_lowercase());
    sorted
}

/// Whether two sets of records say the same.
pub fn same(one: &Records, other: &Records) -> bool {
    sorted(one) == sorted(other)
}

/// Which of `records` stand in `answer` too.
pub fn among(records: &Records, answer: &Records) -> Records {
    let (mut common, answer) = (sorted(records), sorted(answer));
    common.a.retain(|address| answer.a.contains(address));
    common.aaaa.retain(|address| answer.aaaa.contains(address));
    common.cname = common.cname.filter(|target| answer.cname.as_ref() == Some(target));
    common
}

/// As people read them: `A 10.0.0.1, AAAA 2001:db8::1`.
pub fn shown(records: &Records) -> String {
    let a = records.a.iter().map(|address| format!("A {address}"));
    let aaaa = records.aaaa.iter().map(|address| format!("AAAA {address}"));
    let cname = records.cname.iter().map(|target| format!("CNAME {target}"));
    let all: Vec<String> = a.chain(aaaa).chain(cname).collect();
    if all.is_empty() { "no address".to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records() -> impl Strategy<Value = Records> {
        let a = prop::collection::vec(any::<std::net::Ipv4Addr>(), 0..4);
        let aaaa = prop::collection::vec(any::<std::net::Ipv6Addr>(), 0..4);
        (a, aaaa, prop::option::of("[a-zA-Z]{1,8}\\.test\\.?")).prop_map(|(a, aaaa, cname)| Records { a, aaaa, cname })
    }

    proptest! {
        #[test]
        fn order_and_case_do_not_matter(one in records()) {
            let mut other = one.clone();
            other.a.reverse();
            other.aaaa.reverse();
            other.cname = other.cname.map(|name| name.to_ascii_uppercase());
            prop_assert!(same(&one, &other));
            prop_assert!(same(&among(&one, &other), &one));
        }

        #[test]
        fn one_more_address_is_not_the_same(one in records(), more in any::<std::net::Ipv4Addr>()) {
            prop_assume!(!one.a.contains(&more));
            let mut other = one.clone();
            other.a.push(more);
            prop_assert!(!same(&one, &other));
        }
    }

    #[test]
    fn told_in_one_line() {
        let records = Records {
            a: vec!["192.0.2.1".parse().expect("a")],
            aaaa: vec!["2001:db8::1".parse().expect("aaaa")],
            cname: None,
        };
        assert_eq!(shown(&records), "A 192.0.2.1, AAAA 2001:db8::1");
        assert_eq!(shown(&Records::default()), "no address");
    }
}
