//! The floor of a call: one TLS connection, and an `UpdateItem` of DynamoDB on it again and again, without an SDK.
//!
//! It says how many nanoseconds the connection took. Then it reads a number from each line, makes so many calls, and says
//! how many nanoseconds each took, with spaces between them.

use std::{
    env,
    io::{self, BufRead, Write},
    sync::Arc,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// As long as a real one. It is made once, and engines on this machine do not look at it.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=bench/20261101/us-east-1/dynamodb/aws4_request, \
    SignedHeaders=content-length;content-type;host;x-amz-date;x-amz-target, \
    Signature=0000000000000000000000000000000000000000000000000000000000000000";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let host = variable("BENCH_HOST")?;
    let port = variable("BENCH_PORT")?.parse()?;
    let body = variable("BENCH_BODY")?;
    let mut now: u64 = variable("BENCH_NOW")?.parse()?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(variable("AWS_CA_BUNDLE")?)? {
        roots.add(certificate?)?;
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();

    let started = Instant::now();
    let tcp = TcpStream::connect((host.as_str(), port)).await?;
    tcp.set_nodelay(true)?;
    let stream = TlsConnector::from(Arc::new(tls)).connect(ServerName::try_from(host.clone())?, tcp).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    say(&[started.elapsed().as_nanos()])?;

    for line in io::stdin().lock().lines() {
        let count: usize = line?.parse()?;
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            now += 1;
            let started = Instant::now();
            let body = body.replace("{now}", &now.to_string());
            let request = Request::post("/")
                .header("host", &host)
                .header("content-type", "application/x-amz-json-1.0")
                .header("x-amz-target", "DynamoDB_20120810.UpdateItem")
                .header("x-amz-date", "20261101T000000Z")
                .header("authorization", AUTHORIZATION)
                .body(Full::<Bytes>::from(body))?;
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            let answer = answer.into_body().collect().await?.to_bytes();
            times.push(started.elapsed().as_nanos());
            ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&answer));
        }
        say(&times)?;
    }
    Ok(())
}

fn variable(name: &str) -> Result<String> {
    env::var(name).with_context(|| format!("{name} is not set"))
}

fn say(times: &[u128]) -> Result<()> {
    let times: Vec<String> = times.iter().map(u128::to_string).collect();
    Ok(writeln!(io::stdout(), "{}", times.join(" "))?)
}
