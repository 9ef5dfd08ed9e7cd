//! Claims as the authorizer hands them on: who calls, and which permission they have, in every form of a list.

use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};
use lambda_http::Request;
use serde_json::{Value, json};
use shared::http::{
    caller::{self, Caller},
    event::Event,
};

use crate::odd;

const PERMISSION: &str = "metrics:read";
const NAMES: [&str; 6] = ["sub", "token_use", "permissions", "cognito:groups", "scope", "aud"];

pub(crate) fn feed(bytes: &[u8]) {
    let mut input = Unstructured::new(bytes);
    // Too few bytes are no input.
    let _ = any_claims(&mut input).and_then(|()| lists(&mut input));
}

fn any_claims(input: &mut Unstructured<'_>) -> Result<()> {
    let mut claims = BTreeMap::new();
    for _ in 0..input.int_in_range(0..=4)? {
        let name = if input.ratio(1, 8)? { odd::text(input)? } else { (*input.choose(&NAMES)?).to_owned() };
        claims.insert(name, odd::text(input)?);
    }
    let agent = odd::text(input)?;
    let Some(request) = request(&json!(claims), &agent) else { return Ok(()) };
    let info = caller::client_info(&request);
    assert!(
        info.user_agent.is_none_or(|kept| !kept.is_empty() && kept.len() <= 400 && agent.starts_with(&kept))
    );
    let is_access_token = !claims.is_empty() && claims.get("token_use").is_none_or(|used| used != "id");
    let usable = |sub: &&String| {
        (1..=255).contains(&sub.len()) && sub.bytes().all(|byte| (0x21..=0x7e).contains(&byte))
    };
    let sub = claims.get("sub").filter(usable);
    assert_eq!(caller::named(&request).map(|user| user.as_str().to_owned()), sub.cloned());
    assert_eq!(Caller::of(&request).is_ok(), is_access_token);
    assert_eq!(caller::user(&request).is_ok(), is_access_token && sub.is_some());
    if let Ok(caller) = Caller::of(&request) {
        let names = ["permissions".to_owned(), "cognito:groups".to_owned()];
        let has = caller.has_permission(PERMISSION, &names);
        let mut lists = names.iter().filter_map(|name| claims.get(name));
        // A whole word of one of them, whatever its form.
        let is_between = |letter: char| letter.is_whitespace() || "[]\",".contains(letter);
        let names_it = |claim: &String| {
            let mut read = serde_json::from_str::<Vec<Value>>(claim).unwrap_or_default().into_iter();
            claim.split(is_between).any(|word| word == PERMISSION) || read.any(|word| word == PERMISSION)
        };
        assert!(!has || lists.any(names_it), "{claims:?}");
        assert!(!caller.has_permission("", &names));
        assert!(caller.has_permission("*", &names));
    }
    Ok(())
}

/// A list of words is found in each of the forms that API Gateway gives it, and nothing else is.
fn lists(input: &mut Unstructured<'_>) -> Result<()> {
    let mut words = Vec::new();
    for _ in 0..input.int_in_range(1..=4)? {
        let is_plain = |letter: &char| !letter.is_whitespace() && !"[]\",".contains(*letter);
        let word: String = odd::text(input)?.chars().filter(is_plain).collect();
        // What is a number or the like is one in JSON, and the gateway's own form of a list has no quotation marks.
        words.push(format!("w{word}"));
    }
    if input.ratio(1, 2)? {
        words.push(PERMISSION.to_owned());
    }
    let has = words.iter().any(|word| word == PERMISSION);
    let joined = words.join(" ");
    for form in [joined.clone(), format!("[{joined}]"), json!(words).to_string()] {
        let Some(request) = request(&json!({ "sub": "x", "permissions": form }), "") else { continue };
        let Ok(caller) = Caller::of(&request) else { panic!("no caller: {form}") };
        assert_eq!(caller.has_permission(PERMISSION, &["permissions".to_owned()]), has, "{form}");
    }
    Ok(())
}

fn request(claims: &Value, agent: &str) -> Option<Request> {
    let event = json!({
        "version": "2.0",
        "routeKey": "GET /user-sessions",
        "rawPath": "/user-sessions",
        "headers": {},
        "requestContext": {
            "authorizer": { "jwt": { "claims": claims, "scopes": null } },
            "http": { "method": "GET", "path": "/user-sessions", "sourceIp": agent, "userAgent": agent },
            "requestId": "1",
            "timeEpoch": 0,
        },
        "isBase64Encoded": false,
    });
    serde_json::from_str::<Event>(&event.to_string()).ok()?.into_request().ok()
}
