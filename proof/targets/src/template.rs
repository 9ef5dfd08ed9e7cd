//! Any text as a template: a deployment, or an error that says what is not understood. Never a panic.

use std::collections::BTreeMap;

use local::template::{Template, Values};

pub(crate) fn feed(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let given = BTreeMap::new();
    let values =
        Values { given: &given, assumed: vec![("JwtIssuer", "https://issuer.example.com/".to_owned())] };
    match Template::parse(text, &values, Some("http://localhost:3000"), &|_| None) {
        Ok(template) => check(&template),
        Err(cause) => assert!(!format!("{cause:#}").is_empty()),
    }
}

/// What others rely on.
fn check(template: &Template) {
    for function in &template.functions {
        assert!(!function.crate_name.is_empty(), "{function:?}");
    }
    for table in &template.tables {
        assert!(template.table(&table.logical_id).is_ok(), "{table:?}");
    }
}
