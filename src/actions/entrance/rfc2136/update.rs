//! Messages of dynamic update (RFC 2136) and what their answers mean (RFC 8945 for signatures).

use hickory_proto::ProtoError;
use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::tsig::{TSIG, TsigError};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType, TSigVerifier, TSigner};

use crate::actions::dns::{NoAnswer, Records, fqdn};

/// The types that an entrance may have; a change sets all of them, so that none is left over.
const TYPES: [RecordType; 3] = [RecordType::A, RecordType::AAAA, RecordType::CNAME];

/// A signed request, and what reads its answer.
pub struct Signed {
    pub bytes: Vec<u8>,
    id: u16,
    now_s: u64,
    verifier: Option<TSigVerifier>,
}

/// What a server says of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Done,
    /// A prerequisite does not hold; nothing was changed.
    Otherwise,
    /// It does not know a key of this name and algorithm.
    UnknownKey,
    /// It knows the key, and its secret is another.
    WrongSecret,
    /// The two clocks are so many seconds apart, where it says how many.
    Clocks {
        apart_s: Option<u64>,
    },
    /// It answered with another code; nothing was changed.
    Declined(ResponseCode),
    /// What came back is not signed by our key, or is no answer to this: it may come from anybody.
    Unsigned,
}

/// An update that only says "the zone exists", which it does: the server judges the key and changes nothing.
pub fn access(zone: &str) -> Result<Message, NoAnswer> {
    let zone = fqdn(zone)?;
    let mut message = request(zone.clone());
    message.add_answer(empty(&zone, RecordType::SOA, DNSClass::ANY));
    Ok(message)
}

/// An update that puts `after` in the place of exactly `before`.
pub fn replace(zone: &str, name: &str, before: &Records, after: &Records, ttl_s: u32) -> Result<Message, NoAnswer> {
    let (zone, name) = (fqdn(zone)?, fqdn(name)?);
    if !zone.zone_of(&name) {
        return Err(NoAnswer::NoQuestion);
    }
    let mut message = request(zone);
    let (old, new) = (data(before)?, data(after)?);
    for kind in TYPES {
        if !old.iter().any(|data| data.record_type() == kind) {
            // There must be none of this type (RFC 2136, 2.4.3).
            message.add_answer(empty(&name, kind, DNSClass::NONE));
        }
    }
    // There must be exactly these (2.4.2); their TTL does not count.
    message.add_answers(old.into_iter().map(|data| Record::from_rdata(name.clone(), 0, data)));
    for kind in TYPES {
        message.add_authority(empty(&name, kind, DNSClass::ANY));
    }
    message.add_authorities(new.into_iter().map(|data| Record::from_rdata(name.clone(), ttl_s, data)));
    Ok(message)
}

/// Signs a request. `now_s` is the wall clock in seconds since 1970.
pub fn sign(mut message: Message, key: &TSigner, now_s: u64) -> Result<Signed, ProtoError> {
    let verifier = message.finalize(key, now_s)?;
    Ok(Signed { bytes: message.to_vec()?, id: message.metadata.id, now_s, verifier })
}

impl Signed {
    /// Reads the answer. One that says that it was done must be signed by our key.
    pub fn read(mut self, bytes: &[u8]) -> Verdict {
        let Ok(message) = Message::from_vec(bytes) else { return Verdict::Unsigned };
        if message.metadata.id != self.id {
            return Verdict::Unsigned;
        }
        let tsig = message.signature.as_ref().map(|record| &record.data);
        if let Some((tsig, error)) = tsig.and_then(|tsig| Some((tsig, tsig.error?))) {
            return match error {
                TsigError::BadKey => Verdict::UnknownKey,
                TsigError::BadTime => Verdict::Clocks { apart_s: server_time(tsig).map(|at| at.abs_diff(self.now_s)) },
                TsigError::BadSig | TsigError::BadTrunc | TsigError::Unknown(_) => Verdict::WrongSecret,
            };
        }
        // A plain "no" may be unsigned: a server that does not know us cannot sign, and believing it changes nothing.
        match message.metadata.response_code {
            ResponseCode::NoError => {}
            ResponseCode::NXRRSet | ResponseCode::YXRRSet | ResponseCode::NXDomain | ResponseCode::YXDomain => {
                return Verdict::Otherwise;
            }
            code => return Verdict::Declined(code),
        }
        match self.verifier.as_mut().map(|verifier| verifier.verify(bytes)) {
            Some(Ok(_)) => Verdict::Done,
            Some(Err(_)) | None => Verdict::Unsigned,
        }
    }
}

/// The server's clock, told with BADTIME as 48 bits (RFC 8945, 5.2.3).
fn server_time(tsig: &TSIG) -> Option<u64> {
    let time: [u8; 6] = tsig.other.as_slice().try_into().ok()?;
    Some(time.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
}

fn request(zone: Name) -> Message {
    let mut message = Message::query();
    message.metadata.op_code = OpCode::Update;
    message.metadata.recursion_desired = false;
    message.add_query(Query::query(zone, RecordType::SOA));
    message
}

fn data(records: &Records) -> Result<Vec<RData>, NoAnswer> {
    let mut list: Vec<RData> = records.a.iter().map(|address| RData::A(A(*address))).collect();
    list.extend(records.aaaa.iter().map(|address| RData::AAAA(AAAA(*address))));
    if let Some(target) = &records.cname {
        list.push(RData::CNAME(CNAME(fqdn(target)?)));
    }
    Ok(list)
}

fn empty(name: &Name, kind: RecordType, class: DNSClass) -> Record {
    let mut record = Record::update0(name.clone(), 0, kind);
    record.dns_class = class;
    record
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::MessageType;
    use hickory_proto::rr::rdata::tsig::TsigAlgorithm;

    use super::*;

    const NOW_S: u64 = 1_700_000_000;

    fn key(secret: &str) -> TSigner {
        TSigner::new(secret.as_bytes().to_vec(), TsigAlgorithm::HmacSha256, fqdn("sb").expect("name"), 300)
            .expect("key")
    }

    fn request_and_answer(code: ResponseCode) -> (Signed, Message) {
        let signed = sign(access("shop.test").expect("a message"), &key("ours"), NOW_S).expect("signed");
        let mut answer = Message::new(signed.id, MessageType::Response, OpCode::Update);
        answer.metadata.response_code = code;
        (signed, answer)
    }

    #[test]
    fn done_is_believed_only_when_our_key_signs_it() {
        let (signed, answer) = request_and_answer(ResponseCode::NoError);
        assert_eq!(signed.read(&answer.to_vec().expect("bytes")), Verdict::Unsigned);
        let (signed, answer) = request_and_answer(ResponseCode::NoError);
        // A signature that does not cover our request, as of an answer to somebody else's.
        let forged = sign(answer, &key("ours"), NOW_S).expect("signed");
        assert_eq!(signed.read(&forged.bytes), Verdict::Unsigned);
        let (signed, answer) = request_and_answer(ResponseCode::NoError);
        let other = sign(answer, &key("theirs"), NOW_S).expect("signed");
        assert_eq!(signed.read(&other.bytes), Verdict::Unsigned);
    }

    #[test]
    fn no_is_believed_from_who_cannot_sign() {
        for (code, verdict) in [
            (ResponseCode::Refused, Verdict::Declined(ResponseCode::Refused)),
            (ResponseCode::ServFail, Verdict::Declined(ResponseCode::ServFail)),
            (ResponseCode::NXRRSet, Verdict::Otherwise),
            (ResponseCode::YXRRSet, Verdict::Otherwise),
        ] {
            let (signed, answer) = request_and_answer(code);
            assert_eq!(signed.read(&answer.to_vec().expect("bytes")), verdict);
        }
    }

    #[test]
    fn what_is_no_answer_to_this_is_nobodys_word() {
        let (signed, mut answer) = request_and_answer(ResponseCode::Refused);
        answer.metadata.id = signed.id.wrapping_add(1);
        assert_eq!(signed.read(&answer.to_vec().expect("bytes")), Verdict::Unsigned);
        let (signed, _) = request_and_answer(ResponseCode::NoError);
        assert_eq!(signed.read(b"\0\x01garbage"), Verdict::Unsigned);
    }
}
