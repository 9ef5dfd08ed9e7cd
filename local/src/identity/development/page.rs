//! The pages that the provider shows, as HTML without a script.

use std::sync::LazyLock;

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{IntoResponse, Response},
};

const SIGN_IN: &str = include_str!("sign-in.html");
const MESSAGE: &str = include_str!("message.html");

/// The design that all pages have, and what these add to it.
static STYLE: LazyLock<String> = LazyLock::new(|| {
    let variables = include_str!("../../../../web/pages/design/variables.css");
    let page = include_str!("../../../../web/pages/design/page.css");
    [variables, &page.replace("@import \"./variables.css\";", ""), include_str!("sign-in.css")].concat()
});

/// A piece of HTML. A text becomes one by being escaped, and in no other way.
pub(super) struct Html(String);

impl Html {
    /// The text as it is read, in an element or between an attribute's double quotes.
    pub(super) fn text(text: &str) -> Self {
        let mut escaped = String::with_capacity(text.len());
        for character in text.chars() {
            match character {
                '&' => escaped.push_str("&amp;"),
                '<' => escaped.push_str("&lt;"),
                '>' => escaped.push_str("&gt;"),
                '"' => escaped.push_str("&quot;"),
                '\'' => escaped.push_str("&#39;"),
                other => escaped.push(other),
            }
        }
        Self(escaped)
    }

    fn nothing() -> Self {
        Self(String::new())
    }

    /// The template with a value in the place of each `{{name}}`. What the values have in them stays as it is.
    fn of(template: &'static str, values: &[(&str, &Self)]) -> Self {
        let mut parts = template.split("{{");
        let mut html = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once("}}").unwrap_or_default();
            let value = values.iter().find(|(own, _)| *own == name);
            debug_assert!(value.is_some(), "a template wants {name}");
            html.push_str(value.map_or("", |(_, value)| &value.0));
            html.push_str(rest);
        }
        Self(html)
    }
}

/// What the sign-in page shows and sends on.
pub(super) struct SignInPage<'a> {
    pub(super) client_id: &'a str,
    pub(super) redirect_uri: &'a str,
    /// Where a policy lets the form lead in the end.
    pub(super) leads_to: &'a str,
    /// The name that is there already.
    pub(super) name: &'a str,
    /// What was wrong with it.
    pub(super) complaint: Option<&'a str>,
    /// The permission that the tick gives; without one there is no tick.
    pub(super) permission: Option<&'a str>,
    /// Whether the tick is set.
    pub(super) is_permitted: bool,
    /// The parameters of the request, which the form sends again.
    pub(super) parameters: &'a [(&'a str, &'a str)],
}

impl SignInPage<'_> {
    pub(super) fn show(&self) -> Response {
        let mut hidden = Html::nothing();
        for (name, value) in self.parameters {
            let values = [("name", &Html::text(name)), ("value", &Html::text(value))];
            let field = "<input type=\"hidden\" name=\"{{name}}\" value=\"{{value}}\" />\n        ";
            hidden.0.push_str(&Html::of(field, &values).0);
        }
        let complaint = self.complaint.map_or_else(Html::nothing, |complaint| {
            let template = "<span id=\"complaint\" class=\"complaint\">{{complaint}}</span>";
            Html::of(template, &[("complaint", &Html::text(complaint))])
        });
        let described = self.complaint.map_or_else(Html::nothing, |_| {
            Html(" aria-invalid=\"true\" aria-describedby=\"complaint\"".to_owned())
        });
        let tick = self.permission.map_or_else(Html::nothing, |permission| {
            let checked = Html(if self.is_permitted { " checked" } else { "" }.to_owned());
            let values = [("permission", &Html::text(permission)), ("checked", &checked)];
            Html::of(include_str!("tick.html"), &values)
        });
        let html = Html::of(
            SIGN_IN,
            &[
                ("name", &Html::text(self.name)),
                ("described", &described),
                ("complaint", &complaint),
                ("tick", &tick),
                ("hidden", &hidden),
                ("client", &Html::text(self.client_id)),
                ("redirect", &Html::text(self.redirect_uri)),
            ],
        );
        let status = if self.complaint.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        // Chromium looks at form-action again when the answer to the form is a redirect, so that the form must be
        // allowed to lead to the page to which users are sent back.
        answer(status, html, &format!("'self' {}", self.leads_to))
    }
}

/// A page that says something, and from which nothing leads on.
pub(super) fn message(status: StatusCode, title: &str, text: &str) -> Response {
    let html = Html::of(MESSAGE, &[("title", &Html::text(title)), ("text", &Html::text(text))]);
    answer(status, html, "'none'")
}

/// The pages' style sheet.
pub(super) async fn style() -> Response {
    (safe_headers("text/css; charset=utf-8", "'none'"), STYLE.as_str()).into_response()
}

fn answer(status: StatusCode, html: Html, form_action: &str) -> Response {
    (status, safe_headers("text/html; charset=utf-8", form_action), html.0).into_response()
}

fn safe_headers(content_type: &'static str, form_action: &str) -> HeaderMap {
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action {form_action}; \
         frame-ancestors 'none'"
    );
    let mut headers = HeaderMap::new();
    // An origin is ASCII, and has nothing in it that a policy would take for its own.
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    for (name, value) in [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store"),
        // With `no-referrer` a browser would hide the origin of the sign-in page's own form too.
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_a_text() {
        let hostile = "</p>\"'><script>&amp;";
        assert_eq!(Html::text(hostile).0, "&lt;/p&gt;&quot;&#39;&gt;&lt;script&gt;&amp;amp;");
        assert_eq!(Html::text("Zoë").0, "Zoë");
    }

    #[test]
    fn a_value_is_no_template() {
        let (one, two) = (Html::text("{{two}}"), Html::text("2"));
        assert_eq!(Html::of("a{{one}}b{{two}}c", &[("one", &one), ("two", &two)]).0, "a{{two}}b2c");
    }

    #[test]
    fn the_style_is_the_pages_own_without_what_would_be_fetched() {
        assert!(STYLE.contains("--accent") && STYLE.contains(".card") && !STYLE.contains("@import"));
    }
}
