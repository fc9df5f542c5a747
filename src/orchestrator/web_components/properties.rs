//! Files that somebody damaged: nothing panics, and what is still understood is edited as it should.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::console::ConsoleConfig;
use super::keyword::SqlClientKeyword;
use super::locate;
use super::renaming::Renaming;
use super::web_config::{WebConfig, WebTarget};

const BOTH: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<configuration>
  <connectionStrings><!-- é -->
    <add name="OrchestratorContext" connectionString="provider=System.Data.SqlClient;provider connection string=&quot;Data Source='OLD';Initial Catalog=&quot;&quot;o;d&quot;&quot;;Server=x;User ID=u&quot;" />
  </connectionStrings>
  <location path=".">
    <system.webServer>
      <cors enabled='true'><add origin='http://Old:82'/><add origin="http://new"/></cors>
      <aspNetCore><environmentVariables>
        <environmentVariable name="Database__Address" value="OLD" />
        <environmentVariable name='DATABASE__Initial Catalog' value='&#x4F;rchestrator'></environmentVariable>
        <environmentVariable name="database__server" value="a&amp;b" />
      </environmentVariables></aspNetCore>
    </system.webServer>
  </location>
</configuration>
"#;
const SITES: &str = r#"<configuration><system.applicationHost><sites><site name="s"><application path="/" applicationPool="p"><virtualDirectory path="/" physicalPath="%SystemDrive%\w"/></application><bindings><binding protocol="http" bindingInformation="*:81:"/></bindings></site></sites></system.applicationHost></configuration>"#;
const CONSOLE: &str =
    r#"{"a":["http:\/\/OLD:81\/", 1, {"http://old":"é"}], "b" : "http://old:82/x"}"#;

/// What somebody does to a file: puts something in the place of a part of it.
#[derive(Clone, Debug)]
struct Damage {
    at: prop::sample::Index,
    length: usize,
    by: String,
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let pieces = prop::sample::select(vec![
        "",
        "\"",
        "'",
        "&",
        ";",
        "=",
        "<",
        ">",
        "/>",
        "&quot;",
        "&#0;",
        "&#x41;",
        "--",
        " ",
        "\r\n",
        "é",
        "\u{feff}",
        "\\",
        "http://old",
        "Database__Server",
        "<add origin='http://OLD:82'/>",
        "<!DOCTYPE x>",
        "<environmentVariable name='Database__Database' value='Q'/>",
    ]);
    let damage = (any::<prop::sample::Index>(), 0..4usize, pieces);
    let damage = damage.prop_map(|(at, length, by)| Damage {
        at,
        length,
        by: by.to_owned(),
    });
    prop::collection::vec(damage, 0..4)
}

fn damaged(text: &str, damages: &[Damage]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for Damage { at, length, by } in damages {
        let start = at.index(bytes.len() + 1);
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, by.bytes());
    }
    bytes
}

fn renamings() -> Vec<Renaming> {
    let (from, to) = ("old".parse().unwrap(), "NEW".parse().unwrap());
    vec![Renaming { from, to }]
}

fn target() -> WebTarget {
    WebTarget {
        settings: vec![
            (SqlClientKeyword::Server, r"SQL02\NEW".to_owned()),
            (SqlClientKeyword::Database, "o'c & <\"d\">; x".to_owned()),
            (SqlClientKeyword::TrustServerCertificate, "true".to_owned()),
        ],
        renamings: renamings(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn what_is_understood_is_edited_once(damages in damages(), is_wide in any::<bool>()) {
        let mut bytes = damaged(BOTH, &damages);
        if is_wide && let Ok(text) = std::str::from_utf8(&bytes) {
            let text = format!("\u{feff}{}", text.replace("utf-8", "utf-16"));
            bytes = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        }
        if let Ok(config) = WebConfig::read(&bytes)
            && let Ok(after) = config.pointed_at(&target())
            && !config.stores().is_empty()
        {
            let after = after.unwrap_or(bytes);
            let again = WebConfig::read(&after).unwrap();
            prop_assert!(again.names(&target()), "{}", String::from_utf8_lossy(&after));
            prop_assert!(again.pointed_at(&target()).unwrap().is_none());
            prop_assert_eq!(again.stores().len(), config.stores().len());
            prop_assert_eq!(again.origins().count(), config.origins().count());
            let distinct = |config: &WebConfig| config.origins().collect::<BTreeSet<_>>().len();
            prop_assert_eq!(distinct(&again), distinct(&config));
        }
    }

    #[test]
    fn damaged_consoles_and_sites_are_no_danger(damages in damages()) {
        if let Ok(console) = ConsoleConfig::read(&damaged(CONSOLE, &damages))
            && let Ok(Some(after)) = console.renamed(&renamings())
        {
            let again = ConsoleConfig::read(&after).unwrap();
            prop_assert!(again.renamed(&renamings()).unwrap().is_none());
            prop_assert_eq!(again.addresses().count(), console.addresses().count());
        }
        let _ = locate::sites(&damaged(SITES, &damages));
    }
}

/// The file as it is does take the edit: the property above is about something.
#[test]
fn the_file_is_understood() {
    let config = WebConfig::read(BOTH.as_bytes()).unwrap();
    assert_eq!(config.stores().len(), 2);
    assert!(config.pointed_at(&target()).unwrap().is_some());
    let console = ConsoleConfig::read(CONSOLE.as_bytes()).unwrap();
    assert!(console.renamed(&renamings()).unwrap().is_some());
}
