//! The development identity provider's key, made once and kept in a file.

use std::{fs, io::ErrorKind, path::Path};

use anyhow::{Context, Result};
use rsa::{
    RsaPrivateKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding},
    rand_core::OsRng,
};

const KEY_BITS: usize = 2_048;

/// The key in `file`, if there is such a file.
pub(super) fn stored(file: &Path) -> Result<Option<RsaPrivateKey>> {
    if !file.exists() {
        return Ok(None);
    }
    let key = RsaPrivateKey::read_pkcs8_pem_file(file);
    Ok(Some(key.with_context(|| format!("reading the signing key in {}", file.display()))?))
}

/// A new key, which is kept in `file` if that is given; or the one that another server has put there meanwhile.
pub(super) fn new(file: Option<&Path>) -> Result<RsaPrivateKey> {
    let key = RsaPrivateKey::new(&mut OsRng, KEY_BITS)?;
    let Some(file) = file else { return Ok(key) };
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    // Whole or not at all, and never over another server's that was faster. On systems that know such a thing it is
    // readable by its owner alone.
    let new = file.with_extension(format!("{}.new", std::process::id()));
    key.write_pkcs8_pem_file(&new, LineEnding::LF)
        .with_context(|| format!("writing the signing key to {}", new.display()))?;
    let linked = fs::hard_link(&new, file);
    fs::remove_file(&new)?;
    match linked {
        Ok(()) => Ok(key),
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {
            stored(file)?.context("the signing key was deleted meanwhile")
        }
        Err(cause) => Err(cause).with_context(|| format!("writing the signing key to {}", file.display())),
    }
}
