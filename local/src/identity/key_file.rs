//! The development identity provider's key, made once and kept in a file.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use anyhow::{Context, Result};
use rsa::{
    RsaPrivateKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding},
    rand_core::OsRng,
};
use uuid::Uuid;

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
    match file {
        None => Ok(key),
        Some(file) => kept(key, file),
    }
}

/// The key that is in `file` from now on: this one, or that of another server that was faster. On systems that know
/// such a thing it is readable by its owner alone.
fn kept(key: RsaPrivateKey, file: &Path) -> Result<RsaPrivateKey> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = file.with_extension(format!("{}.new", Uuid::new_v4()));
    key.write_pkcs8_pem_file(&new, LineEnding::LF)
        .with_context(|| format!("writing the signing key to {}", new.display()))?;
    let is_first = put(&new, file);
    if !matches!(is_first, Ok(true)) {
        fs::remove_file(&new)?;
    }
    if is_first.with_context(|| format!("writing the signing key to {}", file.display()))? {
        return Ok(key);
    }
    stored(file)?.context("the signing key was deleted meanwhile")
}

/// Renames `new` to `file`: whole or not at all, and never over a file that is there. Renaming alone would replace one,
/// and a hard link, which would not, is more than every file system has; so servers take turns by a lock, which the
/// system gives back if its holder dies. Returns whether there was no such file.
fn put(new: &Path, file: &Path) -> io::Result<bool> {
    let lock_file = file.with_extension("lock");
    let lock = File::create(&lock_file)?;
    lock.lock()?;
    let is_first = !file.exists();
    if is_first {
        fs::rename(new, file)?;
    }
    // Nobody needs it now: who comes later finds the key, whichever lock they hold.
    let _ = fs::remove_file(lock_file);
    Ok(is_first)
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use super::*;

    #[test]
    fn servers_that_start_at_once_agree_on_one_key() {
        // Short ones, which are made at once.
        let keys: Vec<_> = (0..8).map(|_| RsaPrivateKey::new(&mut OsRng, 512).unwrap()).collect();
        for _ in 0..50 {
            let folder = std::env::temp_dir().join(format!("user-sessions-{}", Uuid::new_v4()));
            let file = folder.join("identity-key.pem");
            let start = Barrier::new(keys.len());
            let used: Vec<_> = thread::scope(|scope| {
                let server = |key: &RsaPrivateKey| {
                    let (key, start, file) = (key.clone(), &start, &file);
                    scope.spawn(move || {
                        start.wait();
                        kept(key, file).unwrap()
                    })
                };
                let servers: Vec<_> = keys.iter().map(server).collect();
                servers.into_iter().map(|server| server.join().unwrap()).collect()
            });
            let in_file = stored(&file).unwrap().unwrap();
            assert!(used.iter().all(|key| *key == in_file));
            let left = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
            assert_eq!(left.collect::<Vec<_>>(), ["identity-key.pem"]);
            fs::remove_dir_all(folder).unwrap();
        }
    }
}
