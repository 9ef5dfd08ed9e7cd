//! What a client knows of a session: what was acknowledged, and what may have been done though nobody said so.

use serde_json::Value;

/// One session of a chain.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) id: String,
    pub(super) engaged: bool,
}

/// A session, and those that renewed it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// From the first to the last that is known.
    pub(super) chain: Vec<Link>,
    /// The last activity that was acknowledged fell into these milliseconds since the epoch.
    pub(super) active: (i64, i64),
    /// Why it was ended, if that was acknowledged.
    pub(super) ended: Option<&'static str>,
    /// What was asked last, if there was no answer to it.
    pub(super) doubt: Option<Doubt>,
    /// Something was asked of it since it was last looked at.
    pub(super) is_changed: bool,
}

/// What may have been done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Doubt {
    Heartbeat,
    Engage(bool),
    End(&'static str),
}

impl Known {
    /// One that has just started.
    pub(super) fn started(id: String, active: (i64, i64)) -> Self {
        let chain = vec![Link { id, engaged: false }];
        Self { chain, active, ended: None, doubt: None, is_changed: true }
    }

    /// The id of the last session of the chain.
    pub(super) fn head(&self) -> &str {
        self.chain.last().map_or("", |link| link.id.as_str())
    }

    /// Whether it can be used: it was not ended, and nothing is in doubt.
    pub(super) fn is_usable(&self) -> bool {
        self.ended.is_none() && self.doubt.is_none()
    }

    /// It was kept alive at that time, and `head` is the id to use from now on.
    pub(super) fn kept_alive(&mut self, head: &str, active: (i64, i64)) {
        self.active = active;
        self.renewed_as(head, false);
    }

    /// The value was set at that time. Only if it was renewed by that, its activity is of that time.
    pub(super) fn engaged(&mut self, head: &str, value: bool, at: (i64, i64)) {
        if self.renewed_as(head, value) {
            self.active = at;
        } else if let Some(link) = self.chain.last_mut() {
            link.engaged = value;
        }
    }

    fn renewed_as(&mut self, head: &str, engaged: bool) -> bool {
        let is_new = head != self.head();
        if is_new {
            self.chain.push(Link { id: head.to_owned(), engaged });
        }
        is_new
    }

    /// Takes up what the server says of it after a kill, and what is in doubt is so no longer. An error is what cannot be
    /// if all that was acknowledged is there.
    pub(super) fn compare(&mut self, seen: &Value) -> Result<(), String> {
        let doubt = self.doubt.take();
        self.is_changed = false;
        let text = |name: &str| seen[name].as_str().unwrap_or_default().to_owned();
        let (head, state) = (text("sessionId"), text("state"));
        let engaged = seen["contentEngaged"].as_bool().ok_or("no contentEngaged")?;
        let active = milliseconds(&text("lastActiveTime")).ok_or("no lastActiveTime")?;
        if head != self.head() {
            let value = match doubt {
                Some(Doubt::Heartbeat) => false,
                Some(Doubt::Engage(value)) => value,
                _ => return Err(format!("the head should be {}", self.head())),
            };
            if seen["renewedFrom"].as_str() != Some(self.head()) {
                return Err(format!("it should have renewed {}", self.head()));
            }
            if engaged != value {
                return Err(format!("the one that renewed it should be engaged: {value}"));
            }
            self.renewed_as(&head, value);
        } else if let Some(Doubt::Engage(value)) = doubt {
            let link = self.chain.last_mut().ok_or("an empty chain")?;
            if engaged != link.engaged && engaged != value {
                return Err("contentEngaged has neither value".to_owned());
            }
            link.engaged = engaged;
        } else if self.chain.last().is_some_and(|link| link.engaged != engaged) {
            return Err("another contentEngaged than was acknowledged".to_owned());
        }
        let may_be_later = matches!(doubt, Some(Doubt::Heartbeat | Doubt::Engage(_)));
        if active < self.active.0 || (active > self.active.1 && !may_be_later) {
            return Err(format!("lastActiveTime is {active}, and {:?} was acknowledged", self.active));
        }
        self.active = (active, active);
        let reason = seen["endReason"].as_str();
        match (self.ended, doubt) {
            (Some(ended), _) if state == "ended" && reason == Some(ended) => {}
            (Some(ended), _) => return Err(format!("its end ({ended}) was acknowledged")),
            (None, Some(Doubt::End(asked))) if state == "ended" && reason == Some(asked) => {
                self.ended = Some(asked);
            }
            (None, _) if state == "ended" => return Err("nobody has ended it".to_owned()),
            (None, _) => {}
        }
        Ok(())
    }
}

/// Of a time as answers have it.
pub(super) fn milliseconds(text: &str) -> Option<i64> {
    Some(chrono::DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 2026-01-31T12:00:00.
    const NOON: i64 = 1_769_860_800_000;

    fn seen(id: &str, state: &str, engaged: bool) -> Value {
        let reason = (state == "ended").then_some("logout");
        json!({ "sessionId": id, "state": state, "contentEngaged": engaged, "endReason": reason,
                "lastActiveTime": "2026-01-31T12:00:00.000Z", "renewedFrom": "a" })
    }

    fn known() -> Known {
        Known::started("a".to_owned(), (NOON - 5, NOON + 5))
    }

    fn with(doubt: Doubt) -> Known {
        Known { doubt: Some(doubt), ..known() }
    }

    #[test]
    fn what_was_acknowledged_must_be_there() {
        known().compare(&seen("a", "live", false)).unwrap();
        known().compare(&seen("a", "live", true)).unwrap_err();
        known().compare(&seen("a", "ended", false)).unwrap_err();
        known().compare(&seen("b", "live", false)).unwrap_err();
        Known { active: (NOON + 1, NOON + 2), ..known() }.compare(&seen("a", "live", false)).unwrap_err();
        Known { active: (NOON - 2, NOON - 1), ..known() }.compare(&seen("a", "live", false)).unwrap_err();
        Known { ended: Some("logout"), ..known() }.compare(&seen("a", "live", false)).unwrap_err();
        Known { ended: Some("logout"), ..known() }.compare(&seen("a", "ended", false)).unwrap();
        Known { ended: Some("ended"), ..known() }.compare(&seen("a", "ended", false)).unwrap_err();
    }

    #[test]
    fn what_was_not_may_be_there() {
        for head in ["a", "b"] {
            with(Doubt::Heartbeat).compare(&seen(head, "live", false)).unwrap();
        }
        with(Doubt::Heartbeat).compare(&seen("b", "live", true)).unwrap_err();
        for engaged in [false, true] {
            with(Doubt::Engage(true)).compare(&seen("a", "live", engaged)).unwrap();
        }
        for state in ["live", "expired", "ended"] {
            with(Doubt::End("logout")).compare(&seen("a", state, false)).unwrap();
        }
        with(Doubt::End("logout")).compare(&seen("b", "live", false)).unwrap_err();
    }
}
