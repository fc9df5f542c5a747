//! Texts made over: what was harmless when it was recorded becomes what a fuzzer, or a generator, says.
#![allow(
    unreachable_pub,
    reason = "the fuzz targets have it too, where it is public"
)]

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What becomes of what.
#[derive(Debug, Default)]
pub struct Over {
    anywhere: Vec<(&'static str, String)>,
    whole: Vec<(&'static str, String)>,
}

impl Over {
    /// Wherever the text `harmless` stands.
    #[must_use]
    pub fn anywhere(mut self, harmless: &'static str, value: &str) -> Self {
        self.anywhere.push((harmless, value.to_owned()));
        self
    }

    /// Where the text `harmless` stands alone.
    #[must_use]
    pub fn whole(mut self, harmless: &'static str, value: &str) -> Self {
        self.whole.push((harmless, value.to_owned()));
        self
    }

    /// The text, made over once: what comes in is not made over again.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        if let Some((_, value)) = self.whole.iter().find(|(harmless, _)| *harmless == text) {
            return value.clone();
        }
        // A name as T-SQL writes it, which stands in a text: `[dbo].[t]`.
        if let Some(name) = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            let parts: Vec<String> = name
                .split("].[")
                .map(|part| format!("[{}]", self.text(part).replace(']', "]]")))
                .collect();
            return parts.join(".");
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        'text: while let Some(first) = rest.chars().next() {
            for (harmless, value) in &self.anywhere {
                if let Some(behind) = rest.strip_prefix(harmless) {
                    out.push_str(value);
                    rest = behind;
                    continue 'text;
                }
            }
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
        out
    }

    /// A value of the library, all its texts made over; `None` where the result is none.
    pub fn value<T: Serialize + DeserializeOwned>(&self, value: &T) -> Option<T> {
        let mut json = serde_json::to_value(value).ok()?;
        self.json(&mut json);
        serde_json::from_value(json).ok()
    }

    fn json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Value::Object(members) => members.values_mut().for_each(|member| self.json(member)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
