//! Whom an encrypted connection trusts: the estate's CA file, or the system's store. Chain and name are verified.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

/// Reads the file; blocks. The text of an error names the file and says what to look at.
pub fn config(ca: Option<&Path>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let Some(ca) = ca else {
        let builder = builder.with_platform_verifier();
        return Ok(builder
            .map_err(|error| format!("the system's certificates cannot be read: {error}"))?
            .with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(ca)
        .map_err(|error| format!("the certificates in {} cannot be read: {error}", ca.display()))?;
    for certificate in certificates {
        let certificate = certificate
            .map_err(|error| format!("{} holds a certificate that cannot be read: {error}", ca.display()))?;
        roots
            .add(certificate)
            .map_err(|error| format!("{} holds a certificate that cannot be used: {error}", ca.display()))?;
    }
    if roots.is_empty() {
        return Err(format!("{} holds no certificate", ca.display()));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
