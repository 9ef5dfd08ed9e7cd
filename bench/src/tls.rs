//! DynamoDB's TLS before the embedded engine, which has none: most of a cold start is its handshake.
//!
//! The chain is like DynamoDB's: a leaf and an intermediate authority, all keys and signatures RSA with 2,048 bits.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256,
};
use rsa::{RsaPrivateKey, pkcs8::EncodePrivateKey, rand_core::OsRng};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};
use tokio_rustls::TlsAcceptor;

/// The name by which it is reached, so that a resolver is asked, as for DynamoDB's.
pub(crate) const HOST: &str = "localhost";

const KEY_BITS: usize = 2_048;

/// What ends TLS and hands on what was in it, until it is dropped.
pub(crate) struct Terminator {
    /// Its port on this machine.
    pub(crate) port: u16,
    /// The file with the authority that signed for it, in PEM.
    pub(crate) authority: PathBuf,
    serving: AbortHandle,
}

impl Terminator {
    /// Starts one on a random loopback port. It writes its authority's certificate into `folder`.
    pub(crate) async fn before(engine: SocketAddr, folder: &Path) -> Result<Self> {
        let (chain, authority_in_pem) = chain()?;
        let authority = folder.join("bench-authority.pem");
        fs::write(&authority, authority_in_pem)
            .with_context(|| format!("writing {}", authority.display()))?;
        let authority = authority.canonicalize()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let acceptor = TlsAcceptor::from(Arc::new(chain));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                // What a function does wrong with its connection is told by the function.
                tokio::spawn(async move { hand_on(&acceptor, stream, engine).await });
            }
        });
        Ok(Self { port, authority, serving: serving.abort_handle() })
    }

    /// Its address, as a function is told it.
    pub(crate) fn url(&self) -> String {
        format!("https://{HOST}:{}", self.port)
    }
}

impl Drop for Terminator {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn hand_on(acceptor: &TlsAcceptor, stream: TcpStream, engine: SocketAddr) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut behind = TcpStream::connect(engine).await?;
    behind.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    copy_bidirectional(&mut stream, &mut behind).await?;
    Ok(())
}

/// A server with a chain of its own, and the authority at the end of it.
fn chain() -> Result<(ServerConfig, String)> {
    // One for all three: what it takes to check a signature does not depend on whose it is.
    let key = RsaPrivateKey::new(&mut OsRng, KEY_BITS)?.to_pkcs8_der()?;
    let key = PrivatePkcs8KeyDer::from(key.as_bytes().to_vec());
    let pair = || KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_RSA_SHA256);
    let root = authority("bench root");
    let root_certificate = root.self_signed(&pair()?)?;
    let root = Issuer::new(root, pair()?);
    let intermediate = authority("bench intermediate");
    let intermediate_certificate = intermediate.signed_by(&pair()?, &root)?;
    let intermediate = Issuer::new(intermediate, pair()?);
    let mut leaf = CertificateParams::new([HOST.to_owned()])?;
    leaf.distinguished_name.push(DnType::CommonName, HOST);
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let leaf = leaf.signed_by(&pair()?, &intermediate)?;
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone(), intermediate_certificate.der().clone()],
            PrivateKeyDer::from(key.clone_key()),
        )?;
    Ok((server, root_certificate.pem()))
}

fn authority(name: &str) -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, name);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
}
