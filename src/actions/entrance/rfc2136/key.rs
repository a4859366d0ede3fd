//! A TSIG key: read from a file as `tsig-keygen` writes it, or from its parts.

use hickory_proto::rr::TSigner;
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;

use crate::actions::dns::fqdn;
use crate::base::secret::{BadSecret, Secret, SecretRef};
use crate::estate::model::TsigKey;

/// Seconds by which the clocks of the two sides may differ: what RFC 8945 (section 10) recommends.
const FUDGE_S: u16 = 300;

/// Why a key cannot be used. Never holds the secret.
#[derive(Debug, thiserror::Error)]
pub enum BadKey {
    #[error(transparent)]
    Secret(#[from] BadSecret),
    #[error("{place} is not a key file as `tsig-keygen` writes it: {why}")]
    File { place: SecretRef, why: &'static str },
    #[error("the secret of TSIG key `{0}` is not base64")]
    NotBase64(String),
    #[error("TSIG key `{name}` is for `{algorithm}`; hmac-sha256, hmac-sha384 and hmac-sha512 are supported")]
    Algorithm { name: String, algorithm: String },
    #[error("`{0}` cannot be the name of a TSIG key")]
    Name(String),
}

/// Reads a key. Blocks, as reading a secret does.
pub fn read(key: &TsigKey) -> Result<TSigner, BadKey> {
    match key {
        TsigKey::File(path) => {
            let place = SecretRef::File(path.clone());
            let text = place.read()?;
            let parts = parse(text.expose()).map_err(|why| BadKey::File { place, why })?;
            signer(&parts.name, &parts.algorithm, &parts.secret)
        }
        TsigKey::Parts { name, algorithm, secret } => signer(name, algorithm, &secret.read()?),
    }
}

fn signer(name: &str, algorithm: &str, secret: &Secret) -> Result<TSigner, BadKey> {
    let known = match algorithm.to_ascii_lowercase().trim_end_matches('.') {
        "hmac-sha256" => TsigAlgorithm::HmacSha256,
        "hmac-sha384" => TsigAlgorithm::HmacSha384,
        "hmac-sha512" => TsigAlgorithm::HmacSha512,
        _ => return Err(BadKey::Algorithm { name: name.to_owned(), algorithm: algorithm.to_owned() }),
    };
    let bytes = base64(secret.expose()).ok_or_else(|| BadKey::NotBase64(name.to_owned()))?;
    let bad_name = || BadKey::Name(name.to_owned());
    let signer_name = fqdn(name).map_err(|_| bad_name())?;
    TSigner::new(bytes, known, signer_name, FUDGE_S).map_err(|_| bad_name())
}

/// The parts of a key file.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    name: String,
    algorithm: String,
    secret: Secret,
}

/// Reads `key "name" { algorithm hmac-sha256; secret "…"; };`, with BIND's three kinds of comment. A file with
/// more than one key is refused: which one is meant would be a guess.
fn parse(text: &str) -> Result<Parts, &'static str> {
    let words = words(text)?;
    let mut words = words.iter().map(String::as_str);
    let mut next = || words.next().unwrap_or_default();
    if next() != "key" {
        return Err("it does not begin with `key`");
    }
    let name = next().to_owned();
    if next() != "{" || name.is_empty() {
        return Err("`{` must follow the key's name");
    }
    let (mut algorithm, mut secret) = (None, None);
    loop {
        let slot = match next() {
            "algorithm" => &mut algorithm,
            "secret" => &mut secret,
            "}" => break,
            _ => return Err("only `algorithm` and `secret` may stand in a key"),
        };
        if slot.replace(next().to_owned()).is_some() {
            return Err("it says something twice");
        }
        if next() != ";" {
            return Err("a `;` is missing");
        }
    }
    if next() != ";" || !next().is_empty() {
        return Err("one key and a `;` are expected, and nothing after them");
    }
    let algorithm = algorithm.ok_or("`algorithm` is missing")?;
    let secret = Secret::new(secret.ok_or("`secret` is missing")?);
    Ok(Parts { name, algorithm, secret })
}

fn words(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words: Vec<String> = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = if rest.starts_with("//") || first == '#' {
            (None, rest.split_once('\n').map_or("", |(_, after)| after))
        } else if let Some(comment) = rest.strip_prefix("/*") {
            (None, comment.split_once("*/").ok_or("a comment does not end")?.1)
        } else if matches!(first, '{' | '}' | ';') {
            let (word, after) = rest.split_at(1);
            (Some(word), after)
        } else if let Some(quoted) = rest.strip_prefix('"') {
            let (word, after) = quoted.split_once('"').ok_or("a quotation mark is missing")?;
            (Some(word), after)
        } else {
            let end =
                rest.find(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | ';' | '"')).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            (Some(word), after)
        };
        words.extend(word.map(str::to_owned));
        rest = after.trim_start();
    }
    Ok(words)
}

/// Standard base64 (RFC 4648), padded, without anything else in it.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().as_bytes();
    if text.is_empty() || !text.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for (index, group) in text.chunks_exact(4).enumerate() {
        let is_last = (index + 1) * 4 == text.len();
        let padding = group.iter().rev().take_while(|&&c| c == b'=').count();
        if padding > 2 || (padding > 0 && !is_last) {
            return None;
        }
        let mut bits = 0_u32;
        for &c in group.iter().take(4 - padding) {
            bits = bits << 6 | digit(c)?;
        }
        bits <<= 6 * padding;
        let [_, three @ ..] = bits.to_be_bytes();
        let (kept, dropped) = three.split_at(3 - padding);
        // Bits that no byte uses must be zero, or two texts would be one key.
        if dropped.iter().any(|&byte| byte != 0) {
            return None;
        }
        bytes.extend_from_slice(kept);
    }
    Some(bytes)
}

fn digit(c: u8) -> Option<u32> {
    let value = match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn as_tsig_keygen_writes_it() {
        let text = "key \"switchback.\" {\n\talgorithm hmac-sha256;\n\tsecret \"c3dpdGNoYmFjaw==\";\n};\n";
        let parts = parse(text).expect("read");
        assert_eq!((parts.name.as_str(), parts.algorithm.as_str()), ("switchback.", "hmac-sha256"));
        assert_eq!(base64(parts.secret.expose()).as_deref(), Some(b"switchback".as_slice()));
    }

    #[test]
    fn with_comments_without_quotes_in_any_order() {
        let text = "# one\n// two\n/* three */ key sb { secret eA==; /* four */ algorithm hmac-sha512; };";
        let parts = parse(text).expect("read");
        assert_eq!((parts.name.as_str(), parts.secret.expose()), ("sb", "eA=="));
    }

    #[test]
    fn what_is_no_key_file() {
        for bad in [
            "",
            "key",
            "key { algorithm a; secret b; };",
            "key k { algorithm a; };",
            "key k { secret b; };",
            "key k { algorithm a; secret b; }",
            "key k { algorithm a; algorithm a; secret b; };",
            "key k { algorithm a secret b; };",
            "key k { algorithm a; secret \"b; };",
            "key k { algorithm a; secret b; }; key l { algorithm a; secret b; };",
            "key k { algorithm a; secret b; }; /* and then",
            "Private-key-format: v1.3\nAlgorithm: 163 (HMAC_SHA256)\n",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn base64_is_strict() {
        for (text, bytes) in [("eA==", "x"), ("eHk=", "xy"), ("eHl6", "xyz"), (" eHl6\n", "xyz")] {
            assert_eq!(base64(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        for bad in ["", "e", "eA", "eA=", "e===", "====", "eB==", "eHl=", "eA==eA==", "e_==", "e A==", "eÄ=="] {
            assert_eq!(base64(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_error_names_the_key_and_never_the_secret() {
        let bad = signer("k.", "hmac-sha256", &Secret::new("s3cret!".to_owned())).err().expect("refused").to_string();
        assert!(bad.contains("`k.`") && !bad.contains("s3cret"), "{bad}");
        assert!(matches!(signer("k.", "hmac-md5", &Secret::new("eA==".to_owned())), Err(BadKey::Algorithm { .. })));
    }

    fn encode(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for group in bytes.chunks(3) {
            let mut three = [0_u8; 3];
            three[..group.len()].copy_from_slice(group);
            let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
            for place in 0..4 {
                let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
                text.push(if place > group.len() { '=' } else { char::from(digit) });
            }
        }
        text
    }

    proptest! {
        #[test]
        fn any_key_is_read_back(name in "[a-z][a-z0-9.-]{0,20}", bytes in prop::collection::vec(any::<u8>(), 1..80), gap in "[ \t\n]{1,3}") {
            let secret = encode(&bytes);
            let text = format!("key{gap}\"{name}\"{gap}{{{gap}algorithm{gap}hmac-sha384;{gap}secret{gap}\"{secret}\";{gap}}};{gap}");
            let parts = parse(&text).expect("read");
            prop_assert_eq!(&parts.name, &name);
            prop_assert_eq!(base64(parts.secret.expose()), Some(bytes));
        }

        #[test]
        fn nothing_makes_it_panic(text in "(key|\\{|\\}|;|\"|/\\*|\\*/|//|#|algorithm|secret|[a-zA-Z=+ä]{0,5}|[ \n]){0,20}") {
            let _ = parse(&text);
            let _ = base64(&text);
        }
    }
}
