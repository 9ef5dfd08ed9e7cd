//! What the intrinsic functions of a template stand for.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

/// Stands for a property or an item that is left out, as `!Ref AWS::NoValue`.
const NO_VALUE: &str = "AWS::NoValue";

/// What is known of the names in a template when its functions are resolved.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// What `Ref` stands for: the value of each parameter, the name of each resource.
    pub(super) references: BTreeMap<String, Value>,
    /// The conditions that hold, and those that do not.
    pub(super) conditions: BTreeMap<String, bool>,
    /// Where all APIs are, if that is known.
    url: Option<String>,
}

impl Scope {
    /// Works out the conditions of the template, each by those that it names.
    pub(super) fn with_conditions(
        references: BTreeMap<String, Value>,
        conditions: &BTreeMap<String, Value>,
    ) -> Result<Self> {
        let mut scope = Self { references, ..Self::default() };
        // One that names another is worked out after it: at the latest in the last round.
        for _ in conditions {
            for (name, condition) in conditions {
                if let Ok(holds) = scope.holds(condition) {
                    scope.conditions.insert(name.clone(), holds);
                }
            }
        }
        for (name, condition) in conditions {
            scope.holds(condition).with_context(|| format!("in condition {name}"))?;
        }
        Ok(scope)
    }

    /// With all APIs at `url`.
    pub(super) fn at(self, url: Option<&str>) -> Self {
        Self { url: url.map(str::to_owned), ..self }
    }

    /// Whether the condition of that name holds.
    pub(super) fn condition(&self, name: &str) -> Result<bool> {
        self.conditions.get(name).copied().with_context(|| format!("there is no condition {name}"))
    }

    fn holds(&self, condition: &Value) -> Result<bool> {
        let (function, argument) =
            condition.as_object().and_then(single).context("a condition is one function")?;
        if function == "Condition" {
            return self.condition(argument.as_str().context("Condition takes a name")?);
        }
        let arguments = argument.as_array().with_context(|| format!("{function} takes a list"))?;
        let each = || arguments.iter().map(|argument| self.holds(argument)).collect::<Result<Vec<_>>>();
        match (function, arguments.as_slice()) {
            ("Fn::Equals", [one, other]) => {
                Ok(text_of(&self.resolve(one)?) == text_of(&self.resolve(other)?))
            }
            ("Fn::Not", [_]) => Ok(!each()?[0]),
            ("Fn::And", _) => Ok(each()?.into_iter().all(|holds| holds)),
            ("Fn::Or", _) => Ok(each()?.into_iter().any(|holds| holds)),
            _ => bail!("{function} is not understood here"),
        }
    }

    /// `value` without intrinsic functions. One that cannot be resolved here is an error that names it.
    pub(super) fn resolve(&self, value: &Value) -> Result<Value> {
        match value {
            Value::Array(items) => {
                let items = items.iter().map(|item| self.resolve(item));
                items.filter(|item| !item.as_ref().is_ok_and(|item| item == NO_VALUE)).collect()
            }
            Value::Object(entries) => match single(entries) {
                Some((function, argument))
                    if function.starts_with("Fn::") || ["Ref", "Condition"].contains(&function) =>
                {
                    self.call(function, argument)
                }
                _ => {
                    let resolved = |(key, value): (&String, &Value)| {
                        Ok((key.clone(), self.resolve(value).with_context(|| format!("in {key}"))?))
                    };
                    let mut entries = entries.iter().map(resolved).collect::<Result<Map<_, _>>>()?;
                    entries.retain(|_, value| value != NO_VALUE);
                    Ok(Value::Object(entries))
                }
            },
            plain => Ok(plain.clone()),
        }
    }

    /// What an intrinsic function stands for.
    fn call(&self, function: &str, argument: &Value) -> Result<Value> {
        match (function, argument) {
            ("Ref", argument) => {
                let name = argument.as_str().context("Ref takes a name")?;
                if name == NO_VALUE {
                    return Ok(json!(NO_VALUE));
                }
                self.references.get(name).cloned().with_context(|| format!("!Ref {name} names nothing"))
            }
            ("Fn::GetAtt", argument) => {
                let parts: Vec<&str> =
                    argument.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                Ok(json!(self.attribute(&parts.join("."))))
            }
            ("Fn::Sub", Value::String(text)) => Ok(json!(self.substitute(text, &Map::new())?)),
            ("Fn::Sub", argument) => {
                let Some([Value::String(text), values]) = argument.as_array().map(Vec::as_slice) else {
                    bail!("Fn::Sub takes a text, or one and values")
                };
                let values = self.resolve(values)?;
                Ok(json!(self.substitute(text, values.as_object().context("Fn::Sub takes values by name")?)?))
            }
            ("Fn::Join", argument) => {
                let Some([Value::String(delimiter), items]) = argument.as_array().map(Vec::as_slice) else {
                    bail!("Fn::Join takes a delimiter and a list")
                };
                let items = self.resolve(items)?;
                let items = items.as_array().context("Fn::Join takes a list")?;
                Ok(json!(items.iter().map(text_of).collect::<Vec<_>>().join(delimiter)))
            }
            ("Fn::Split", argument) => {
                let Some([Value::String(delimiter), text]) = argument.as_array().map(Vec::as_slice) else {
                    bail!("Fn::Split takes a delimiter and a text")
                };
                Ok(text_of(&self.resolve(text)?).split(delimiter.as_str()).collect())
            }
            ("Fn::If", argument) => {
                let Some([Value::String(name), then, otherwise]) = argument.as_array().map(Vec::as_slice)
                else {
                    bail!("Fn::If takes a condition and two values")
                };
                self.resolve(if self.condition(name)? { then } else { otherwise })
            }
            _ => bail!("{function} is not understood here"),
        }
    }

    /// An attribute of a resource stands as its own name, which is enough to tell which resource is meant; the address of
    /// an API is where it is here.
    fn attribute(&self, name: &str) -> String {
        match &self.url {
            Some(url) if name.ends_with(".ApiEndpoint") => url.clone(),
            _ => name.to_owned(),
        }
    }

    /// `text` with what the names in it stand for: `values` of its own, or what `Ref` or `GetAtt` would give.
    fn substitute(&self, text: &str, values: &Map<String, Value>) -> Result<String> {
        let mut parts = text.split("${");
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').context("Fn::Sub: a brace is not closed")?;
            let value = match (values.get(name), name.split_once('.')) {
                (Some(value), _) => text_of(value),
                (None, Some(_)) => self.attribute(name),
                (None, None) => text_of(&self.resolve(&json!({ "Ref": name }))?),
            };
            whole.push_str(&value);
            whole.push_str(rest);
        }
        Ok(whole)
    }
}

/// A value as a parameter or a variable has it: numbers as their digits.
pub(super) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn single(entries: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut all = entries.iter();
    let (key, value) = all.next()?;
    all.next().is_none().then_some((key.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::cloudformation::parse;

    #[test]
    fn references_are_resolved_and_the_rest_is_an_error_that_names_it() {
        let references = BTreeMap::from([("X".to_owned(), json!([1, 2]))]);
        let scope = Scope { references, ..Scope::default() };
        assert_eq!(scope.resolve(&json!({ "a": { "Ref": "X" } })).unwrap(), json!({ "a": [1, 2] }));
        let substituted = scope.resolve(&json!({ "Fn::Sub": "${T.Arn}/x/${X}!" })).unwrap();
        assert_eq!(substituted, json!("T.Arn/x/[1,2]!"));
        let with_values = json!({ "Fn::Sub": ["${Own}${X}", { "Own": { "Ref": "X" } }] });
        assert_eq!(scope.resolve(&with_values).unwrap(), json!("[1,2][1,2]"));
        let absent = json!({ "a": { "Ref": "AWS::NoValue" }, "b": [1, { "Ref": "AWS::NoValue" }] });
        assert_eq!(scope.resolve(&absent).unwrap(), json!({ "b": [1] }));
        let joined = json!({ "Fn::Join": ["-", ["a", { "Fn::Join": ["", { "Ref": "X" }] }]] });
        assert_eq!(scope.resolve(&joined).unwrap(), json!("a-12"));
        assert_eq!(scope.resolve(&json!({ "Fn::Split": ["-", joined] })).unwrap(), json!(["a", "12"]));
        for (value, expected) in [
            (json!({ "a": { "Ref": "Y" } }), "in a: !Ref Y names nothing"),
            (json!({ "a": { "Fn::Select": [0, "x"] } }), "in a: Fn::Select is not understood here"),
            (json!({ "Fn::If": ["C", 1, 2] }), "there is no condition C"),
            (json!({ "Fn::Join": [",", "x"] }), "Fn::Join takes a list"),
            (json!({ "Fn::Sub": ["x", 1] }), "Fn::Sub takes values by name"),
            (json!({ "Fn::Split": "x" }), "Fn::Split takes a delimiter and a text"),
        ] {
            assert_eq!(format!("{:#}", scope.resolve(&value).unwrap_err()), expected);
        }
    }

    #[test]
    fn conditions_choose() {
        let conditions = parse(
            "A: !And [!Condition Z, !Not [!Equals [!Ref N, 1]]]\nB: !Or [!Condition A, !Equals [x, y]]\nZ: !Equals [!Ref N, '0']",
        );
        let conditions: BTreeMap<String, Value> = serde_json::from_value(conditions.unwrap()).unwrap();
        for (number, expected) in [(0, [true, true, true]), (1, [false, false, false])] {
            let references = BTreeMap::from([("N".to_owned(), json!(number))]);
            let scope = Scope::with_conditions(references, &conditions).unwrap();
            assert_eq!(scope.conditions.values().copied().collect::<Vec<_>>(), expected);
            let chosen = scope.resolve(&json!({ "Fn::If": ["B", "then", { "Ref": "N" }] })).unwrap();
            assert_eq!(chosen, if number == 0 { json!("then") } else { json!(1) });
        }
        let circle = BTreeMap::from([("A".to_owned(), json!({ "Condition": "A" }))]);
        Scope::with_conditions(BTreeMap::new(), &circle).unwrap_err();
    }
}
