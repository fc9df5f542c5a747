//! web.config files made of pieces, with what they must be after a write: made of the same pieces, by rules
//! written down here once more and not taken from the library.

use std::ops::Range;

/// What the values are before and after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values {
    pub(crate) server: &'static str,
    pub(crate) database: &'static str,
}

pub(crate) const OLD: Values = Values {
    server: r"OLD-SQL\ORCH",
    database: "Orchestrator",
};

/// One that needs no quoting, and one that needs all of it.
pub(crate) const NEW: &[Values] = &[
    Values {
        server: r"SQL02\NEW",
        database: "Orchestrator2",
    },
    Values {
        server: "sql02.contoso.example,1433",
        database: "o'clock & <\"ö 漢\">; x=y",
    },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    A,
    B,
    BInLocation,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bytes {
    Utf8,
    Utf8Marked,
    Utf16Le,
    Utf16Be,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comments {
    None,
    Around,
    Decoys,
}

/// One member of the product.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) style: Style,
    pub(crate) bytes: Bytes,
    pub(crate) is_declared: bool,
    pub(crate) newline: &'static str,
    /// Around attributes.
    pub(crate) quote: char,
    /// Around the inner connection string.
    pub(crate) inner_quote: char,
    /// Around values in it.
    pub(crate) value_quote: Option<char>,
    pub(crate) comments: Comments,
    /// Which of the synonyms is used.
    pub(crate) synonym: usize,
}

pub(crate) fn product() -> Vec<Member> {
    let mut members = Vec::new();
    for style in [Style::A, Style::B, Style::BInLocation, Style::Both] {
        for bytes in [
            Bytes::Utf8,
            Bytes::Utf8Marked,
            Bytes::Utf16Le,
            Bytes::Utf16Be,
        ] {
            for is_declared in [false, true] {
                for newline in ["\n", "\r\n"] {
                    for quote in ['"', '\''] {
                        for inner_quote in ['"', '\''] {
                            for value_quote in [None, Some('"'), Some('\'')] {
                                for comments in [Comments::None, Comments::Around, Comments::Decoys]
                                {
                                    members.push(Member {
                                        style,
                                        bytes,
                                        is_declared,
                                        newline,
                                        quote,
                                        inner_quote,
                                        value_quote,
                                        comments,
                                        synonym: members.len(),
                                    });
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    // The quotes of connection strings say nothing where there is none.
    let has_string = |style| matches!(style, Style::A | Style::Both);
    members.retain(|member| {
        has_string(member.style) || (member.inner_quote == '"' && member.value_quote.is_none())
    });
    members
}

/// A file and where the values stand in it, in characters.
struct Text {
    text: String,
    values: Vec<Range<usize>>,
}

impl Text {
    fn add(&mut self, text: &str) {
        self.text += text;
    }

    fn value(&mut self, text: &str) {
        let start = self.text.chars().count();
        self.text += text;
        self.values.push(start..self.text.chars().count());
    }
}

impl Member {
    /// The file with these values, and where they stand in its bytes.
    pub(crate) fn file(&self, values: Values) -> (Vec<u8>, Vec<Range<usize>>) {
        let text = self.text(values);
        let encoded = |text: &str| match self.bytes {
            Bytes::Utf8 | Bytes::Utf8Marked => text.as_bytes().to_vec(),
            Bytes::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Bytes::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        };
        let mark = match self.bytes {
            Bytes::Utf8 => String::new(),
            _ => "\u{feff}".to_owned(),
        };
        let place = |characters: usize| {
            let start: String = text.text.chars().take(characters).collect();
            encoded(&(mark.clone() + &start)).len()
        };
        let places = text
            .values
            .iter()
            .map(|range| place(range.start)..place(range.end));
        (encoded(&(mark.clone() + &text.text)), places.collect())
    }

    fn text(&self, values: Values) -> Text {
        let mut text = Text {
            text: String::new(),
            values: Vec::new(),
        };
        if self.is_declared {
            let name = match self.bytes {
                Bytes::Utf8 | Bytes::Utf8Marked => "utf-8",
                Bytes::Utf16Le | Bytes::Utf16Be => "utf-16",
            };
            text.add(&format!("<?xml version=\"1.0\" encoding='{name}' ?>\n"));
        }
        if self.comments != Comments::None {
            text.add("<!-- kept: é 漢 𝄞 \t -->\n\n");
        }
        text.add("<configuration>\n");
        if matches!(self.style, Style::A | Style::Both) {
            self.section(&mut text, values);
        }
        let (open, close) = match self.style {
            Style::A => {
                text.add("  <system.web><compilation  debug = 'false'/></system.web>\n");
                text.add("</configuration>\n");
                return self.with_newlines(text);
            }
            Style::B => ("", ""),
            Style::BInLocation | Style::Both => (
                "  <location path=\".\" inheritInChildApplications=\"false\">\n",
                "  </location>\n",
            ),
        };
        text.add(open);
        self.environment(&mut text, values);
        text.add(close);
        text.add("</configuration>");
        self.with_newlines(text)
    }

    fn section(&self, text: &mut Text, values: Values) {
        let quote = self.quote;
        text.add("  <connectionStrings >\n");
        if self.comments == Comments::Decoys {
            text.add("    <!-- <add name=\"OrchestratorContext\" connectionString=\"provider connection string='Data Source=decoy'\"/> -->\n");
        }
        text.add("    <add name=\"Other\" connectionString=\"Data Source=other;Initial Catalog=Orchestrator\"/>\n");
        text.add(&format!("    <add\tproviderName = 'System.Data.EntityClient' name={quote}OrchestratorContext{quote}\n  connectionString={quote}"));
        let xml = |raw: &str| xml(raw, quote);
        text.add(&xml("metadata=res://*/Model.csdl|res://*/Model.ssdl;provider=System.Data.SqlClient; Provider Connection String = "));
        text.add(&xml(&self.inner_quote.to_string()));
        let inner = |raw: &str| xml(&doubled(raw, self.inner_quote));
        let server = [
            "Data Source",
            "server",
            "ADDRESS",
            "addr",
            "Network Address",
        ][self.synonym % 5];
        let database = ["Initial Catalog", "database"][self.synonym % 2];
        text.add(&inner(&format!("App='a;Data Source=decoy';{server} = ")));
        text.value(&inner(&self.token(values.server)));
        text.add(&inner(&format!(" ;{database}=")));
        text.value(&inner(&self.token(values.database)));
        text.add(&inner(
            ";Integrated Security=SSPI;MultipleActiveResultSets=True",
        ));
        text.add(&xml(&self.inner_quote.to_string()));
        text.add(&format!("{quote}\t/>\n  </connectionStrings>\n"));
    }

    fn environment(&self, text: &mut Text, values: Values) {
        let quote = self.quote;
        text.add("    <system.webServer>\n      <aspNetCore processPath=\"dotnet\" arguments=\".\\W.dll\"><environmentVariables>\n");
        if self.comments == Comments::Decoys {
            text.add("        <!--<environmentVariable name=\"Database__Address\" value=\"decoy\"/>-->\n");
        }
        text.add("        <environmentVariable name=\"Database\" value=\"Orchestrator\" /><environmentVariable name='ASPNETCORE_ENVIRONMENT' value='P&#x41;' />\n");
        let database = [
            "Database__Database",
            "DATABASE__DATABASE",
            "database__Initial Catalog",
        ][self.synonym % 3];
        let server = [
            "Database__Address",
            "DATABASE__SERVER",
            "Database__Data Source",
        ][self.synonym % 3];
        text.add(&format!(
            "        <environmentVariable name={quote}{database}{quote} value={quote}"
        ));
        text.value(&xml(values.database, quote));
        text.add(&format!(
            "{quote} />\n        <environmentVariable value = {quote}"
        ));
        text.value(&xml(values.server, quote));
        text.add(&format!(
            "{quote}   name = {quote}{server}{quote}></environmentVariable>\n"
        ));
        text.add("        <environmentVariable name=\"Database__Trusted_Connection\" value=\"true\" />\n");
        text.add("      </environmentVariables></aspNetCore>\n    </system.webServer>\n");
    }

    /// A value as the inner connection string holds it.
    fn token(&self, value: &str) -> String {
        let must = value.contains([';', '\'', '"']);
        let quote = match self.value_quote {
            None if !must => return value.to_owned(),
            None => '\'',
            Some(quote) => quote,
        };
        format!("{quote}{}{quote}", doubled(value, quote))
    }

    fn with_newlines(&self, text: Text) -> Text {
        let longer = self.newline.len() - 1;
        let before = |place: usize| {
            let newlines = text.text.chars().take(place).filter(|c| *c == '\n').count();
            place + longer * newlines
        };
        Text {
            values: text
                .values
                .iter()
                .map(|range| before(range.start)..before(range.end))
                .collect(),
            text: text.text.replace('\n', self.newline),
        }
    }
}

fn doubled(text: &str, quote: char) -> String {
    text.split(quote)
        .collect::<Vec<_>>()
        .join(&format!("{quote}{quote}"))
}

fn xml(text: &str, quote: char) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    match quote {
        '"' => text.replace('"', "&quot;"),
        _ => text.replace('\'', "&apos;"),
    }
}
