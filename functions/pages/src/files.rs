//! Files that are built in, as answers to browsers: compressed, cached by what is in them, and within a policy.

use std::{borrow::Cow, collections::BTreeMap, io::Write as _, sync::OnceLock};

use flate2::{Compression, write::GzEncoder};
use lambda_http::{
    Body, Response,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{
            ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
            IF_NONE_MATCH, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS,
            X_FRAME_OPTIONS,
        },
    },
};
use rust_embed::Embed;
use sha2::{Digest, Sha256};

/// Files by their names, folders included.
pub struct Files(BTreeMap<Cow<'static, str>, File>);

struct File {
    content: Cow<'static, [u8]>,
    gzipped: OnceLock<Vec<u8>>,
    /// Names the content. Weak: the compressed bytes are others.
    tag: String,
}

impl Files {
    /// All that are built into `E`.
    #[must_use]
    pub fn of<E: Embed>() -> Self {
        let file = |name: Cow<'static, str>| {
            let content = E::get(&name)?.data;
            Some((name, File::new(content)))
        };
        Self(E::iter().filter_map(file).collect())
    }

    /// And this one.
    #[must_use]
    pub fn with(mut self, name: &'static str, content: &'static [u8]) -> Self {
        self.0.insert(name.into(), File::new(content.into()));
        self
    }

    /// The file as an answer to a request with these headers; `None` if there is none of that name.
    #[must_use]
    pub fn answer(&self, name: &str, headers: &HeaderMap, policy: &str) -> Option<Response<Body>> {
        let file = self.0.get(name)?;
        let mut response = Response::new(Body::Empty);
        // Weakly: a proxy that unpacked it may have made the tag a strong one.
        let opaque = file.tag.trim_start_matches("W/");
        let is_known = texts(headers, &IF_NONE_MATCH)
            .any(|tag| tag.trim() == "*" || tag.trim().trim_start_matches("W/") == opaque);
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else if texts(headers, &ACCEPT_ENCODING).any(is_gzip) {
            *response.body_mut() = Body::Binary(file.gzipped().to_vec());
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        } else {
            *response.body_mut() = Body::Binary(file.content.to_vec());
        }
        // An asset's name says what is in it; a page's does not.
        let is_asset = name.contains('/');
        let caching = if is_asset { "public, max-age=31536000, immutable" } else { "no-cache" };
        for (header, value) in [
            (CONTENT_TYPE, content_type(name)),
            (CACHE_CONTROL, caching),
            (ETAG, &file.tag),
            (VARY, "accept-encoding"),
            (CONTENT_SECURITY_POLICY, policy),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(header, value);
            }
        }
        guard(&mut response);
        Some(response)
    }
}

/// What a browser is to keep to with any answer, a file or not.
pub fn guard(response: &mut Response<Body>) {
    for (header, value) in [
        (REFERRER_POLICY, "no-referrer"),
        (STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
    ] {
        response.headers_mut().insert(header, HeaderValue::from_static(value));
    }
}

impl File {
    fn new(content: Cow<'static, [u8]>) -> Self {
        let digest = Sha256::digest(&content);
        let first = digest.first_chunk::<8>().copied().unwrap_or_default();
        let tag = format!("W/\"{:016x}\"", u64::from_be_bytes(first));
        Self { content, gzipped: OnceLock::new(), tag }
    }

    fn gzipped(&self) -> &[u8] {
        self.gzipped.get_or_init(|| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            // Writing into memory does not fail.
            let written = encoder.write_all(&self.content).and_then(|()| encoder.finish());
            written.unwrap_or_default()
        })
    }
}

/// What a header lists, in all its lines.
fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(','))
}

/// Whether an entry of `Accept-Encoding` takes gzip.
fn is_gzip(entry: &str) -> bool {
    let (coding, weight) = entry.split_once(';').unwrap_or((entry, ""));
    let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
    coding.trim().eq_ignore_ascii_case("gzip") && weight.is_ok_and(|weight| weight > 0.0)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    const TEXT: &[u8] =
        b"body { color: teal } body { color: teal } body { color: teal } body { color: teal }";

    fn answer(headers: &[(HeaderName, &str)]) -> Response<Body> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        let files = Files(BTreeMap::new()).with("assets/a.css", TEXT).with("page.html", TEXT);
        assert!(files.answer("assets/b.css", &headers, "").is_none());
        files.answer("assets/a.css", &headers, "default-src 'none'").unwrap()
    }

    #[test]
    fn a_file_is_compressed_for_who_can_read_that() {
        for (accepted, is_compressed) in [
            ("gzip", true),
            ("br, gzip;q=0.5", true),
            ("GZIP", true),
            ("gzip;q=0", false),
            ("gzip;q=0.0", false),
            ("br", false),
            ("", false),
            ("xgzip", false),
        ] {
            let response = answer(&[(ACCEPT_ENCODING, accepted)]);
            assert_eq!(response.headers().contains_key(CONTENT_ENCODING), is_compressed, "{accepted}");
            let mut content = response.body().to_vec();
            if is_compressed {
                assert!(content.len() < TEXT.len());
                let mut read = Vec::new();
                GzDecoder::new(content.as_slice()).read_to_end(&mut read).unwrap();
                content = read;
            }
            assert_eq!(content, TEXT);
            assert_eq!(response.headers()[VARY], "accept-encoding");
        }
    }

    #[test]
    fn who_has_the_file_is_told_so() {
        let tag = answer(&[]).headers()[ETAG].to_str().unwrap().to_owned();
        let known = answer(&[(IF_NONE_MATCH, &format!("\"other\", {tag}"))]);
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
        assert!(known.body().is_empty());
        assert_eq!(known.headers()[CONTENT_SECURITY_POLICY], "default-src 'none'");
        for known in ["*", tag.trim_start_matches("W/")] {
            assert_eq!(answer(&[(IF_NONE_MATCH, known)]).status(), StatusCode::NOT_MODIFIED, "{known}");
        }
        assert_eq!(answer(&[(IF_NONE_MATCH, "\"other\"")]).status(), StatusCode::OK);
    }
}
