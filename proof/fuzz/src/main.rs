//! libFuzzer's program for all targets; it has libFuzzer's own arguments, and the environment variable TARGET names which
//! of them it runs.

#![no_main]

use std::{env, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use targets::Target;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = env::var("TARGET").unwrap_or_default();
    targets::ALL.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("TARGET: no {name}"))
});

fuzz_target!(init: { LazyLock::force(&TARGET); }, |bytes: &[u8]| {
    (TARGET.feed)(bytes);
});
