//! Held against readers of their own: the rules of `CommandLineToArgvW`, of `cmd.exe` and of PowerShell's literals,
//! written down from their documentation and not from what writes here.

use proptest::prelude::*;

use super::*;

/// `CommandLineToArgvW`, by its page: the first argument apart; then blanks and tabs part; 2n backslashes and a quote
/// are n backslashes and begin or end quoting; 2n+1 are n and a quote; others are themselves; two quotes within
/// quoting are one.
fn argv(line: &str) -> Vec<String> {
    let units: Vec<char> = line.chars().collect();
    let mut at = 0;
    let mut all = Vec::new();
    let mut first = String::new();
    if units.first() == Some(&'"') {
        at = 1;
        while at < units.len() && units[at] != '"' {
            first.push(units[at]);
            at += 1;
        }
        at += 1;
    } else {
        while at < units.len() && !matches!(units[at], ' ' | '\t') {
            first.push(units[at]);
            at += 1;
        }
    }
    all.push(first);
    loop {
        while at < units.len() && matches!(units[at], ' ' | '\t') {
            at += 1;
        }
        if at >= units.len() {
            return all;
        }
        let (mut one, mut is_quoted) = (String::new(), false);
        while at < units.len() && (is_quoted || !matches!(units[at], ' ' | '\t')) {
            let run = units[at..].iter().take_while(|c| **c == '\\').count();
            at += run;
            if units.get(at) != Some(&'"') {
                one.extend(std::iter::repeat_n('\\', run));
                if run == 0 {
                    one.push(units[at]);
                    at += 1;
                }
                continue;
            }
            one.extend(std::iter::repeat_n('\\', run / 2));
            at += 1;
            if run % 2 == 1 {
                one.push('"');
            } else if is_quoted && units.get(at) == Some(&'"') {
                one.push('"');
                at += 1;
            } else {
                is_quoted = !is_quoted;
            }
        }
        all.push(one);
    }
}

/// What `cmd /c` hands on of a line: `None` where it would not hand on just that line. Every quote begins or ends
/// quoting, and nothing escapes one.
fn handed_on_by_cmd(line: &str) -> Option<&str> {
    let mut is_quoted = false;
    for c in line.chars() {
        match c {
            '%' | '!' | '\n' | '\r' | '\0' => return None,
            '"' => is_quoted = !is_quoted,
            '&' | '|' | '<' | '>' | '(' | ')' | '^' | ';' if !is_quoted => return None,
            _ => {}
        }
    }
    (!is_quoted).then_some(line)
}

/// A literal of PowerShell, read: `None` where it ends before the text does.
fn literal(text: &str) -> Option<String> {
    let is_quote = |c: char| "'\u{2018}\u{2019}\u{201a}\u{201b}".contains(c);
    let mut rest = text.chars().peekable();
    rest.next().filter(|c| is_quote(*c))?;
    let mut value = String::new();
    while let Some(c) = rest.next() {
        if is_quote(c) {
            match rest.next_if(|next| is_quote(*next)) {
                Some(second) => value.push(second),
                None => return rest.next().is_none().then_some(value),
            }
        } else {
            value.push(c);
        }
    }
    None
}

/// The script of an encoded command, with a decoder of its own.
fn decoded(line: &str) -> String {
    let (before, encoded) = line.rsplit_once(' ').unwrap();
    assert!(before.ends_with(r"\powershell.exe -NoProfile -NonInteractive -EncodedCommand"));
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = encoded.trim_end_matches('=').bytes();
    let bits: Vec<u8> = digits
        .map(|digit| ALPHABET.iter().position(|known| *known == digit).unwrap())
        .flat_map(|value| {
            (0..6)
                .rev()
                .map(move |bit| u8::from(value & (1 << bit) != 0))
        })
        .collect();
    let bytes: Vec<u8> = bits
        .chunks_exact(8)
        .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit))
        .collect();
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    String::from_utf16(&units).unwrap()
}

/// Texts that hold much of what means something to somebody.
fn hostile() -> impl Strategy<Value = String> {
    let bits = prop::sample::select(vec![
        "\"",
        "\\",
        "\\\\",
        " ",
        "\t",
        "\n",
        "\r",
        "%",
        "%PATH%",
        "!",
        "^",
        "&",
        "|",
        "<",
        ">",
        "(",
        ")",
        ";",
        ",",
        "=",
        "$",
        "$(calc)",
        "`",
        "'",
        "\u{2018}",
        "\u{2019}",
        "\u{201a}",
        "\u{201b}",
        "\u{201c}",
        "ü",
        "漢",
        "\u{1f511}",
        "a",
        "-b",
        "/c",
        "C:",
        "",
    ]);
    prop::collection::vec(bits, 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn what_is_joined_is_taken_apart_again(program in "[^\"\0]{1,12}", arguments in prop::collection::vec(hostile(), 0..6)) {
        let line = join(&program, &arguments).unwrap();
        let mut expected = vec![program];
        expected.extend(arguments);
        prop_assert_eq!(argv(&line), expected);
    }

    #[test]
    fn what_cmd_gets_it_hands_on(program in "[^\"\0]{1,12}", arguments in prop::collection::vec(hostile(), 0..6)) {
        match for_cmd(&program, &arguments) {
            Ok(line) => {
                prop_assert_eq!(handed_on_by_cmd(&line), Some(&*line));
                let mut expected = vec![program];
                expected.extend(arguments);
                prop_assert_eq!(argv(&line), expected);
            }
            Err(CommandLineError::CmdWouldChange(found)) => {
                let all = arguments.concat() + &program;
                prop_assert!(all.contains(found), "{found:?}");
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn literals_of_powershell_read_as_the_text(text in hostile()) {
        prop_assert_eq!(literal(&powershell_literal(&text).unwrap()), Some(text));
    }

    #[test]
    fn encoded_scripts_decode(text in hostile()) {
        let line = encoded_powershell(&text).unwrap();
        prop_assert!(line.chars().all(|c| c.is_ascii_alphanumeric() || r" -.:\+/=".contains(c)), "{line}");
        prop_assert_eq!(handed_on_by_cmd(&line), Some(&*line));
        prop_assert_eq!(decoded(&line), text);
    }
}

#[test]
fn well_known_lines_are_what_they_are_known_to_be() {
    for (arguments, expected) in [
        (&[r"a\\b", "d"][..], r"x.exe a\\b d"),
        (&[r#"a\"b"#], r#"x.exe "a\\\"b""#),
        (&[r"a b\\"], r#"x.exe "a b\\\\""#),
        (&[""], r#"x.exe """#),
        (&["R&D", "a^b", "$x", "`"], r#"x.exe "R&D" "a^b" "$x" "`""#),
        (
            &["/reg:32", "start=", "DBMSSOCN,sql01,1433"],
            "x.exe /reg:32 start= DBMSSOCN,sql01,1433",
        ),
    ] {
        assert_eq!(join("x.exe", arguments).unwrap(), expected);
    }
    assert_eq!(
        join(r"C:\a,b\x.exe", &["c"]).unwrap(),
        r#""C:\a,b\x.exe" c"#
    );
    // UTF-16 of "dir", as PowerShell's own help encodes.
    let line = encoded_powershell("dir").unwrap();
    assert!(line.ends_with(" ZABpAHIA"), "{line}");
}

#[test]
fn what_no_line_can_hold_is_refused() {
    let none: [&str; 0] = [];
    assert_eq!(join("a\"b", &none), Err(CommandLineError::Program));
    assert_eq!(join("", &none), Err(CommandLineError::Program));
    assert_eq!(join("x.exe", &["a\0b"]), Err(CommandLineError::Nul));
    assert_eq!(for_cmd("a\0b", &none), Err(CommandLineError::Nul));
    assert_eq!(powershell_literal("\0"), Err(CommandLineError::Nul));
    for (bad, found) in [("100%", '%'), ("a!", '!'), ("a\"b", '"'), ("a\nb", '\n')] {
        let error = for_cmd("x.exe", &[bad]).unwrap_err();
        assert_eq!(error, CommandLineError::CmdWouldChange(found));
        assert!(!error.to_string().contains("a!"), "{error}");
    }
    assert!(matches!(
        for_cmd("x.exe", &["x".repeat(8000)]),
        Err(CommandLineError::TooLong { .. })
    ));
    assert!(join("x.exe", &["x".repeat(8000)]).is_ok());
    assert!(join("x.exe", &["x".repeat(40_000)]).is_err());
    assert!(encoded_powershell(&"x".repeat(3100)).is_err());
    assert!(encoded_powershell(&"x".repeat(2900)).is_ok());
}
