//! The parameters of a request, of its query or of a form.

/// Names and values as they were sent.
pub(super) struct Pairs(Vec<(String, String)>);

/// A parameter that was sent more than once, which OAuth forbids.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Repeated;

impl Pairs {
    pub(super) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// The value of a parameter. An empty one stands as none, as RFC 6749 (section 3.1) says.
    pub(super) fn get(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self.0.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Repeated),
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// The same where one that was repeated is as good as none.
    pub(super) fn only(&self, name: &str) -> Option<&str> {
        self.get(name).ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_parameter_is_none_and_a_repeated_one_an_error() {
        let pairs = Pairs::parse(b"a=1%202&b=&c=1&c=1");
        assert_eq!(pairs.get("a"), Ok(Some("1 2")));
        assert_eq!((pairs.get("b"), pairs.get("d")), (Ok(None), Ok(None)));
        assert_eq!((pairs.get("c"), pairs.only("c")), (Err(Repeated), None));
    }
}
