//! CloudFormation YAML as JSON, with the intrinsic functions in their long form and then resolved.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// The one document in `text`, where `!Ref X` has become `{"Ref": "X"}`, and so on.
pub(crate) fn parse(text: &str) -> Result<Value> {
    let documents = Yaml::load_from_str(text).context("not YAML")?;
    let [document] = documents.as_slice() else { bail!("expected one YAML document") };
    to_json(document)
}

fn to_json(node: &Yaml) -> Result<Value> {
    Ok(match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.0),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(items) => items.iter().map(to_json).collect::<Result<_>>()?,
        Yaml::Mapping(entries) => {
            let entry = |(key, value): (&Yaml, &Yaml)| {
                let key = key.as_str().context("a key that is no string")?;
                Ok((key.to_owned(), to_json(value).with_context(|| format!("in {key}"))?))
            };
            Value::Object(entries.iter().map(entry).collect::<Result<_>>()?)
        }
        Yaml::Tagged(tag, inner) if tag.is_yaml_core_schema() => to_json(inner)?,
        Yaml::Tagged(tag, inner) => {
            let name = match tag.suffix.as_str() {
                "Ref" | "Condition" => tag.suffix.clone(),
                function => format!("Fn::{function}"),
            };
            let mut argument = to_json(inner)?;
            if name == "Fn::GetAtt"
                && let Some((resource, attribute)) = argument.as_str().and_then(|text| text.split_once('.'))
            {
                argument = json!([resource, attribute]);
            }
            json!({ name: argument })
        }
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => bail!("YAML that is not understood"),
    })
}

/// What `Ref` stands for: the value of each parameter, the name of each resource.
pub(crate) type References = BTreeMap<String, Value>;

/// `value` without intrinsic functions. One that cannot be resolved here is an error that names it.
pub(crate) fn resolve(value: &Value, references: &References) -> Result<Value> {
    match value {
        Value::Array(items) => items.iter().map(|item| resolve(item, references)).collect(),
        Value::Object(entries) => match single(entries) {
            Some(("Ref", argument)) => {
                let name = argument.as_str().context("Ref takes a name")?;
                references.get(name).cloned().with_context(|| format!("!Ref {name} names nothing"))
            }
            // An attribute of a resource stands as its own name: enough to tell which resource is meant.
            Some(("Fn::GetAtt", argument)) => {
                let parts: Vec<&str> =
                    argument.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                Ok(json!(parts.join(".")))
            }
            Some((function, _)) if function.starts_with("Fn::") || function == "Condition" => {
                bail!("{function} is not understood here")
            }
            _ => entries
                .iter()
                .map(|(key, value)| {
                    Ok((key.clone(), resolve(value, references).with_context(|| format!("in {key}"))?))
                })
                .collect::<Result<Map<_, _>>>()
                .map(Value::Object),
        },
        plain => Ok(plain.clone()),
    }
}

fn single(entries: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut all = entries.iter();
    let (key, value) = all.next()?;
    all.next().is_none().then_some((key.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_become_long_forms() {
        let parsed = parse("a: !Ref X\nb: !GetAtt T.Arn\nc: !Sub '${T}/x'\nd: [1, true, null, '1']").unwrap();
        let expected = json!({
            "a": { "Ref": "X" },
            "b": { "Fn::GetAtt": ["T", "Arn"] },
            "c": { "Fn::Sub": "${T}/x" },
            "d": [1, true, null, "1"],
        });
        assert_eq!(parsed, expected);
    }

    #[test]
    fn references_are_resolved_and_the_rest_is_an_error_that_names_it() {
        let references = References::from([("X".to_owned(), json!([1, 2]))]);
        let resolved = resolve(&json!({ "a": { "Ref": "X" } }), &references).unwrap();
        assert_eq!(resolved, json!({ "a": [1, 2] }));
        for (value, expected) in [
            (json!({ "a": { "Ref": "Y" } }), "in a: !Ref Y names nothing"),
            (json!({ "a": { "Fn::Sub": "x" } }), "in a: Fn::Sub is not understood here"),
        ] {
            assert_eq!(format!("{:#}", resolve(&value, &references).unwrap_err()), expected);
        }
    }
}
