//! Texts are kept as they are, in the registry that is meant.

use std::sync::Arc;

use super::expectation::{done, or_refused, out_of_reach, refused, unreachable_host};
use super::fixture::RegistryTransportFixture;
use crate::conformance::check::{Check, Outcome, check, expect_same, not_applicable};
use crate::names::HostName;
use crate::transport::RegistryView::{Bits32, Bits64};
use crate::transport::{HostError, RegistryTransport, RegistryView, codes};

pub(super) const CHECKS: &[Check<Scene>] = &[
    check!(
        "registry/has-nothing-where-nothing-is",
        has_nothing_where_nothing_is
    ),
    check!("registry/keeps-texts", keeps_texts),
    check!("registry/writes-over", writes_over),
    check!("registry/keeps-the-views-apart", keeps_the_views_apart),
    check!("registry/keeps-values-apart", keeps_values_apart),
    check!("registry/removes", removes),
    check!("registry/takes-any-name", takes_any_name),
    check!("registry/refuses-what-is-no-text", refuses_what_is_no_text),
    check!(
        "registry/says-who-is-out-of-reach",
        says_who_is_out_of_reach
    ),
];

/// Every one must be kept as it is.
const TEXTS: &[&str] = &[
    "DBMSSOCN,SQL02,1433",
    "",
    " blanks around ",
    r"C:\Program Files\x\",
    "it's",
    "a & b ^ c | d < e > f",
];

/// Each must be kept as it is, or be refused.
const HOSTILE: &[&str] = &[
    r#"say "hello""#,
    "%PATH% 100 %",
    "$HOME `x`",
    "Büro 漢字",
    "line\nbreak",
    "REG_SZ    x",
];

/// What a check has at hand.
#[derive(Clone, Debug)]
pub(super) struct Scene(pub(super) Arc<dyn RegistryTransportFixture>);

/// A port, and the host and key it works with.
struct Registry {
    port: Box<dyn RegistryTransport>,
    host: HostName,
    key: String,
}

impl Scene {
    fn registry(&self) -> Registry {
        Registry {
            port: self.0.transport(),
            host: self.0.host(),
            key: self.0.key(),
        }
    }
}

impl Registry {
    async fn get(&self, view: RegistryView, value: &str) -> Outcome<Option<String>> {
        let got = self.port.get(&self.host, view, &self.key, value).await;
        done("a value", got)
    }

    async fn try_set(&self, view: RegistryView, value: &str, text: &str) -> Result<(), HostError> {
        self.port
            .set(&self.host, view, &self.key, value, text)
            .await
    }

    async fn set(&self, view: RegistryView, value: &str, text: &str) -> Outcome {
        done("a value's text", self.try_set(view, value, text).await)
    }

    async fn remove(&self, view: RegistryView, value: &str) -> Outcome {
        let removed = self.port.remove(&self.host, view, &self.key, value).await;
        done("a value's removal", removed)
    }

    async fn expect(
        &self,
        what: &str,
        view: RegistryView,
        value: &str,
        text: Option<&str>,
    ) -> Outcome {
        let seen = self.get(view, value).await?;
        expect_same(what, &text.map(str::to_owned), &seen)
    }
}

async fn has_nothing_where_nothing_is(scene: &Scene) -> Outcome {
    let registry = scene.registry();
    for view in [Bits32, Bits64] {
        registry.expect("no value", view, "None", None).await?;
        let below = format!(r"{}\no such 'key' & %x%", registry.key);
        let got = registry
            .port
            .get(&registry.host, view, &below, "None")
            .await;
        expect_same("no key", &None, &done("a value of no key", got)?)?;
        let removed = registry
            .port
            .remove(&registry.host, view, &registry.key, "None")
            .await;
        refused("a removal of nothing", &[codes::FILE_NOT_FOUND], removed)?;
    }
    Ok(())
}

async fn keeps_texts(scene: &Scene) -> Outcome {
    let registry = scene.registry();
    for text in TEXTS {
        registry.set(Bits64, "Text", text).await?;
        registry
            .expect("the text", Bits64, "Text", Some(text))
            .await?;
    }
    for text in HOSTILE {
        let before = registry.get(Bits64, "Text").await?;
        let set = registry.try_set(Bits64, "Text", text).await;
        let kept = or_refused("a value's text", set)?.map(|()| (*text).to_owned());
        registry
            .expect(
                "the text, or the one before",
                Bits64,
                "Text",
                kept.or(before).as_deref(),
            )
            .await?;
    }
    registry.remove(Bits64, "Text").await
}

async fn writes_over(scene: &Scene) -> Outcome {
    let registry = scene.registry();
    for text in ["a longer text", "short", "a longer text again"] {
        registry.set(Bits32, "Over", text).await?;
        registry
            .expect("the new text", Bits32, "Over", Some(text))
            .await?;
    }
    registry.remove(Bits32, "Over").await
}

async fn keeps_the_views_apart(scene: &Scene) -> Outcome {
    let registry = scene.registry();
    registry.set(Bits32, "View", "of 32 bits").await?;
    registry
        .expect("nothing in the other registry", Bits64, "View", None)
        .await?;
    registry.set(Bits64, "View", "of 64 bits").await?;
    registry
        .expect("its own text", Bits32, "View", Some("of 32 bits"))
        .await?;
    registry.remove(Bits32, "View").await?;
    registry
        .expect("nothing, removed", Bits32, "View", None)
        .await?;
    registry
        .expect("its own text", Bits64, "View", Some("of 64 bits"))
        .await?;
    registry.remove(Bits64, "View").await
}

async fn keeps_values_apart(scene: &Scene) -> Outcome {
    let registry = scene.registry();
    registry.set(Bits64, "One", "1").await?;
    registry.set(Bits64, "One more", "2").await?;
    registry
        .expect("its own text", Bits64, "One", Some("1"))
        .await?;
    registry
        .expect("its own text", Bits64, "one more", Some("2"))
        .await?;
    registry.remove(Bits64, "One").await?;
    registry
        .expect("the other value", Bits64, "One more", Some("2"))
        .await?;
    registry.remove(Bits64, "One more").await
}

async fn removes(scene: &Scene) -> Outcome {
    let registry = scene.registry();
    registry.set(Bits64, "Removed", "text").await?;
    registry.remove(Bits64, "Removed").await?;
    registry
        .expect("nothing, removed", Bits64, "Removed", None)
        .await?;
    let again = registry
        .port
        .remove(&registry.host, Bits64, &registry.key, "Removed")
        .await;
    refused("a second removal", &[codes::FILE_NOT_FOUND], again)
}

/// The names of aliases are those of servers, with instances and ports.
async fn takes_any_name(scene: &Scene) -> Outcome {
    let registry = scene.registry();
    registry.set(Bits64, "with", "its own").await?;
    for name in [r"SQL01\ORCH", "SQL01,1433", "with blanks", "it's", "a & b"] {
        registry.set(Bits64, name, name).await?;
        registry
            .expect("the text", Bits64, name, Some(name))
            .await?;
        registry.remove(Bits64, name).await?;
        registry
            .expect("nothing, removed", Bits64, name, None)
            .await?;
    }
    for name in [r#""x""#, "%PATH%", "$x `y`", "Büro", "/v", "-x"] {
        let set = registry.try_set(Bits64, name, "text").await;
        if or_refused("a value's text", set)?.is_some() {
            registry
                .expect("the text", Bits64, name, Some("text"))
                .await?;
            registry.remove(Bits64, name).await?;
        }
    }
    registry
        .expect(
            "a value of a name that begins so",
            Bits64,
            "with",
            Some("its own"),
        )
        .await?;
    registry.remove(Bits64, "with").await
}

async fn refuses_what_is_no_text(scene: &Scene) -> Outcome {
    /// `ERROR_INVALID_DATA`.
    const INVALID_DATA: u32 = 13;
    let registry = scene.registry();
    if !scene.0.make_number(Bits64, &registry.key, "Number") {
        return not_applicable("no number can be made here");
    }
    let got = registry
        .port
        .get(&registry.host, Bits64, &registry.key, "Number")
        .await;
    refused("a value that is a number", &[INVALID_DATA], got)?;
    registry.remove(Bits64, "Number").await
}

async fn says_who_is_out_of_reach(scene: &Scene) -> Outcome {
    let host = unreachable_host(&*scene.0)?;
    let registry = scene.registry();
    let port = &registry.port;
    out_of_reach(port.get(&host, Bits64, &registry.key, "None").await)?;
    out_of_reach(port.set(&host, Bits64, &registry.key, "None", "text").await)
}
