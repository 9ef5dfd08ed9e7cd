//! CloudFormation YAML as JSON, with the intrinsic functions in their long form.

use anyhow::{Context, Result, bail};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Value, json};

/// The one document in `text`, where `!Ref X` has become `{"Ref": "X"}`, and so on.
pub(super) fn parse(text: &str) -> Result<Value> {
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
}
