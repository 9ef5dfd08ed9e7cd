//! Expressions: DynamoDB's text, and what its placeholders stand for.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// No expression has more placeholders, and a map that grows is filled twice.
const PLACEHOLDERS: usize = 7;

/// An item, or a part of one, as the SDK has it: values by the names of their attributes.
pub type Attributes = HashMap<String, AttributeValue>;

/// A condition, or an update, as DynamoDB takes it.
///
/// `:x` in the text is a value that is given with [`Expression::value`]; `#x` is the attribute `x`, for names that are
/// reserved words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expression {
    /// The text.
    pub(crate) text: String,
    /// What each `:x` stands for.
    pub(crate) values: Attributes,
}

impl Expression {
    /// An expression whose values are yet to be given.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), values: HashMap::with_capacity(PLACEHOLDERS) }
    }

    /// The same with a value for `placeholder`.
    pub(crate) fn value(mut self, placeholder: &str, value: impl Into<AttributeValue>) -> Self {
        self.values.insert(placeholder.to_owned(), value.into());
        self
    }

    /// Both expressions with `operator` between them.
    pub(crate) fn joined(self, operator: &str, other: Self) -> Self {
        let text = ["(", &self.text, ") ", operator, " (", &other.text, ")"].concat();
        Self { text, values: merged(self.values, other.values) }
    }

    /// This update where `condition` holds.
    pub(crate) fn under(self, condition: Self) -> ConditionalUpdate {
        ConditionalUpdate {
            names: Self::names(&[&self.text, &condition.text]),
            values: merged(self.values, condition.values),
            update: self.text,
            condition: condition.text,
        }
    }

    /// The names behind each `#x` of these texts; `None` without one, because DynamoDB refuses an empty map.
    pub(crate) fn names(texts: &[&str]) -> Option<HashMap<String, String>> {
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let names = texts.iter().flat_map(|text| text.split('#').skip(1));
        let mut names: Vec<&str> = names
            .map(|rest| rest.split(|character| !is_name(character)).next().unwrap_or_default())
            .collect();
        names.sort_unstable();
        names.dedup();
        let placeholders = names.into_iter().map(|name| (["#", name].concat(), name.to_owned()));
        let placeholders: HashMap<String, String> = placeholders.collect();
        (!placeholders.is_empty()).then_some(placeholders)
    }
}

/// An update and the condition under which it is made: the names and values of both are one map in a request.
#[derive(Debug)]
pub(crate) struct ConditionalUpdate {
    /// The update's text.
    pub(crate) update: String,
    /// The condition's text.
    pub(crate) condition: String,
    /// What each `#x` of both stands for.
    pub(crate) names: Option<HashMap<String, String>>,
    /// What each `:x` of both stands for.
    pub(crate) values: Attributes,
}

/// A placeholder that both have stands for the same in both.
fn merged(mut one: Attributes, other: Attributes) -> Attributes {
    one.extend(other);
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_the_texts_use() {
        let names =
            Expression::names(&["SET #state = :a REMOVE b", "(#state = :b) AND (#zone = :c)"]).unwrap();
        let expected = [("#state", "state"), ("#zone", "zone")];
        assert_eq!(names, expected.map(|(placeholder, name)| (placeholder.into(), name.into())).into());
        assert_eq!(Expression::names(&["a = :a"]), None);
    }

    #[test]
    fn joined_expressions_have_the_values_of_both() {
        let one = Expression::new("a = :a").value(":a", AttributeValue::Bool(true));
        let both = one.joined("OR", Expression::new("b = :b").value(":b", AttributeValue::Bool(false)));
        assert_eq!((both.text.as_str(), both.values.len()), ("(a = :a) OR (b = :b)", 2));
    }
}
