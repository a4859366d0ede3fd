//! What we build on: licences without copyleft, one TLS provider, nothing from elsewhere than the registry.

use std::process::Command;

use serde_json::Value;

/// Licences that ask for no more than their text and names to be kept.
const FINE: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

/// Whether one of the alternatives asks only for what is fine. `A AND B` asks for both.
fn is_fine(licence: &str) -> bool {
    let plain = licence.replace('/', " OR ").replace(['(', ')'], " ");
    plain.split(" OR ").any(|alternative| alternative.split(" AND ").all(|one| FINE.contains(&one.trim())))
}

#[test]
fn every_licence_is_fine() {
    let all = packages();
    assert!(all.len() > 100, "{} packages", all.len());
    let bad: Vec<String> = all
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(is_fine))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn a_licence_is_judged_by_its_alternatives() {
    assert!(is_fine("MIT OR GPL-3.0"));
    assert!(is_fine("MIT/Apache-2.0"));
    assert!(is_fine("(MIT OR Apache-2.0) AND Unicode-3.0"));
    assert!(!is_fine("GPL-3.0-only"));
    assert!(!is_fine("MIT AND GPL-3.0"));
}

#[test]
fn there_is_one_tls_provider_and_one_source() {
    for package in packages() {
        let name = package["name"].as_str().expect("a name");
        assert!(
            !["aws-lc-rs", "openssl", "native-tls", "openssl-sys"].contains(&name),
            "{name} is in the tree; ring is the one provider"
        );
        let source = package["source"].as_str();
        assert!(source.is_none_or(|source| source.starts_with("registry+")), "{name} comes from {source:?}");
    }
}
