//! Strict parsing of JSON bodies: the body must be an object, and duplicate keys are an error at any depth.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::error::Issue;

/// Parses a body that must be one JSON object without duplicate keys at any depth.
///
/// # Errors
/// The first [`Issue`] found, with the code `invalid_json`, `invalid_type` or `duplicate_key`. The path of the latter
/// is the key; otherwise it is empty.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, Issue> {
    let duplicate = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value =
        UniqueKeys(&duplicate).deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    if let Some(key) = duplicate.into_inner() {
        return Err(Issue::new(&key, "duplicate_key", "This key appears more than once."));
    }
    match value {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Issue::new("", "invalid_type", "The body must be a JSON object.")),
        Err(_) => Err(Issue::new("", "invalid_json", "The body is not valid JSON.")),
    }
}

/// Deserializes a [`Value`] and stores the first duplicate key in the cell. `serde_json` itself keeps the last value of
/// a duplicate key silently.
#[derive(Clone, Copy)]
struct UniqueKeys<'a>(&'a RefCell<Option<String>>);

impl<'de> DeserializeSeed<'de> for UniqueKeys<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueKeys<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                self.0.borrow_mut().get_or_insert(key);
                return Err(A::Error::custom("duplicate key"));
            }
            let value = entries.next_value_seed(self)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonobject_or_duplicate_key_is_rejected() {
        assert_eq!(parse_object(br#"{"a":1,"b":[{"c":null}]}"#).unwrap().len(), 2);
        let code = |bytes: &[u8]| parse_object(bytes).map_err(|issue| (issue.path, issue.code));
        assert_eq!(code(br#"{"a":1,"a":2}"#), Err(("a".into(), "duplicate_key".into())));
        assert_eq!(code(br#"{"x":{"b":1,"b":1}}"#), Err(("b".into(), "duplicate_key".into())));
        for body in ["[]", "1", "null", "\"x\"", "true"] {
            assert_eq!(code(body.as_bytes()), Err((String::new(), "invalid_type".into())), "{body}");
        }
        let deep = "[".repeat(5_000);
        for body in ["", "{", "{}x", "{\"a\":}", "{'a':1}", deep.as_str()] {
            assert_eq!(code(body.as_bytes()), Err((String::new(), "invalid_json".into())), "{body:.20}");
        }
        assert_eq!(code(b"{\"a\":\"\xff\"}"), Err((String::new(), "invalid_json".into())));
    }
}
