//! The JSON Schema (2020-12) of what is printed as JSON.
//!
//! In: the types that are serialized. Out: one schema that any record of a stream and any verdict document validates
//! against. Refuses: to be written by hand; and unknown fields it lets pass, because v1 may gain some and readers are
//! told to ignore those.

use livelock_core::compare::Comparison;
use livelock_core::verdict::Verdict;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{Schema, json_schema};
use serde_json::Value;

use super::RenderError;
use super::stream::Record;

/// What the types do not say by themselves. Fields with a default came after the first documents of v1, which lack
/// them.
#[derive(Clone)]
struct Wording;

impl Transform for Wording {
    fn transform(&mut self, schema: &mut Schema) {
        let later: Vec<String> = schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter(|(_, field)| field.get("default").is_some())
            .map(|(name, _)| name.clone())
            .collect();
        if let Some(Value::Array(required)) = schema.get_mut("required") {
            required.retain(|name| !later.iter().any(|later| name == later.as_str()));
        }
        if let Some(Value::String(text)) = schema.get_mut("description") {
            // Written for readers of the code, who know other words.
            *text = text.replace('\n', " ").replace("`None`", "`null`");
        }
        transform_subschemas(self, schema);
    }
}

fn schema() -> Schema {
    let mut generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .with_transform(Wording)
        .into_generator();
    let record = generator.subschema_for::<Record<'_>>();
    let verdict = generator.subschema_for::<Verdict>();
    let comparison = generator.subschema_for::<Comparison>();
    let definitions = generator.take_definitions(true);
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Output of livelock",
        "description": "A verdict document (livelock.verdict/v1), a comparison (livelock.compare/v1), or one record of a stream \
            (livelock.stream/v1). \
            Numbers carry their unit in the name of the field; null means: could not see.",
        "oneOf": [
            record,
            // Told apart by the field that only records have.
            { "allOf": [verdict], "not": { "required": ["record"] } },
            { "allOf": [comparison], "not": { "required": ["record"] } },
        ],
        "$defs": definitions,
    })
}

/// The schema, with a newline at its end.
///
/// # Errors
///
/// If the serializer refuses.
pub fn schema_json() -> Result<String, RenderError> {
    let mut text = serde_json::to_string_pretty(&schema())?;
    text.push('\n');
    Ok(text)
}
