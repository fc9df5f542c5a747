//! Encrypted parts of longer texts, counted.

use scorch_recovery::orchestrator::Encryption;
use scorch_recovery::sql::{ColumnCount, Database, DatabaseKeys, EncryptedColumn, StoredForm};
use scorch_recovery::{Effect, Error, ErrorKind, Operation};

use super::kit::assert_error;
use super::kit::simulated::{World, named};
use super::{DATABASE, sql, user, world};

const DELIMITER: &str = r"\`d.T.~De/";

fn column(delimiter: &str) -> EncryptedColumn {
    EncryptedColumn {
        schema: named("dbo"),
        table: named("PARTS"),
        column: named("Text"),
        form: StoredForm::DelimitedHexadecimalWithin {
            delimiter: delimiter.to_owned(),
        },
    }
}

/// A database with a table of texts of a type, and a second symmetric key.
async fn parts(kind: &str) -> World {
    let world = world(1).await;
    sql(
        &world,
        &format!(
            "CREATE TABLE dbo.PARTS (Text {kind} NULL); \
             CREATE SYMMETRIC KEY other WITH ALGORITHM = AES_128 \
             ENCRYPTION BY ASYMMETRIC KEY ORCHESTRATOR_ASYM_KEY"
        ),
    )
    .await;
    world
}

/// Puts texts into the table, each an expression over the delimiter `@d`, an encrypted value `@p` in
/// hexadecimal, and `@o`, which is encrypted under another key.
async fn fill(world: &World, delimiter: &str, texts: &[&str]) {
    let encrypt = |key: &str| {
        format!("CONVERT(nvarchar(max), ENCRYPTBYKEY(KEY_GUID(N'{key}'), N'a password'), 2)")
    };
    let open = |key: &str| {
        format!("OPEN SYMMETRIC KEY {key} DECRYPTION BY ASYMMETRIC KEY ORCHESTRATOR_ASYM_KEY")
    };
    let mut batch = format!(
        "DELETE FROM dbo.PARTS; {}; {}; DECLARE @d nvarchar(100) = N'{}', @p nvarchar(max) = {}, \
         @o nvarchar(max) = {}",
        open("ORCHESTRATOR_SYM_KEY"),
        open("other"),
        // A backslash before a line break would vanish with it.
        delimiter.replace('\'', "''").replace("\\\n", "\\' + N'\n"),
        encrypt("ORCHESTRATOR_SYM_KEY"),
        encrypt("other")
    );
    for text in texts {
        batch.push_str(&format!("; INSERT INTO dbo.PARTS (Text) VALUES ({text})"));
    }
    sql(world, &batch).await;
}

async fn count(world: &World, delimiter: &str) -> Result<ColumnCount, Error> {
    let verify = DatabaseKeys::verify(&named("SQL01"), &named(DATABASE))
        .symmetric_key(named("ORCHESTRATOR_SYM_KEY"))
        .opened_by_asymmetric_key(named("ORCHESTRATOR_ASYM_KEY"))
        .counting(column(delimiter));
    let mut verified = verify.run(&world.context()).await?;
    Ok(verified.columns.remove(0))
}

/// Rows without a value, values, and those that decrypt.
async fn counts(world: &World, delimiter: &str) -> (u64, u64, u64) {
    let count = count(world, delimiter).await.unwrap();
    (count.without_value, count.values, count.decrypted)
}

#[tokio::test]
async fn parts_are_counted_text_by_text() {
    let world = parts("nvarchar(max)").await;
    for (texts, expected) in [
        (&[][..], (0, 0, 0)),
        (&["NULL"], (1, 0, 0)),
        (&["N''"], (1, 0, 0)),
        (&["N'no part'", "NULL"], (2, 0, 0)),
        (&["@d + @p + @d"], (0, 1, 1)),
        (&["N'<a>' + @d + @p + @d + N'</a>  '"], (0, 1, 1)),
        (
            &["N'<a>' + @d + @p + @d + N'</a><b>' + @d + LOWER(@p) + @d + N'</b>'"],
            (0, 2, 2),
        ),
        (&["@d + @p + @d + @d + @p + @d + @d + @p + @d"], (0, 3, 3)),
        // More than a query names itself unless told otherwise.
        (
            &["REPLICATE(N'<a>' + @d + @p + @d, 150)", "N'none'"],
            (1, 150, 150),
        ),
        // Nothing between two delimiters: an empty password (community).
        (&["@d + @d"], (1, 0, 0)),
        (&["@d + @d + N'<a>' + @d + @p + @d"], (0, 1, 1)),
        (&["@d + @p + @d + N'<a>' + @d + @d"], (0, 1, 1)),
        // Cut off.
        (&["N'<a>' + @d"], (0, 1, 0)),
        (&["N'<a>' + @d + @p"], (0, 1, 0)),
        (&["@d + @p + @d + N'<a>' + @d + LEFT(@p, 20)"], (0, 2, 1)),
        (&["@d + @d + @d"], (0, 1, 0)),
        // A text does not go on in the next one.
        (&["N'<a>' + @d", "@p + @d"], (0, 2, 0)),
        (&["@d + @p + @d", "@d + @p", "@p + @d"], (0, 3, 1)),
        // What is no hexadecimal, or nothing that was encrypted so.
        (&["@d + N'not hexadecimal' + @d"], (0, 1, 0)),
        (&["@d + @p + N'0' + @d"], (0, 1, 0)),
        (&["@d + N' ' + @p + @d"], (0, 1, 0)),
        (&["@d + N' ' + @d"], (0, 1, 0)),
        (&["@d + N'AB' + @d"], (0, 1, 0)),
        (
            &["@d + STUFF(@p, 70, 1, N'G') + @d + @d + @p + @d"],
            (0, 2, 1),
        ),
        (&["@d + @o + @d + N'<a>' + @d + @p + @d"], (0, 2, 1)),
        // Longer than ENCRYPTBYKEY makes any.
        (
            &["@d + @p + REPLICATE(CONVERT(nvarchar(max), N'00'), 8000) + @d"],
            (0, 1, 0),
        ),
        // Other letters are no delimiter.
        (&["LOWER(@d) + @p + LOWER(@d)"], (1, 0, 0)),
        (&["LOWER(@d) + @d + @p + @d"], (0, 1, 1)),
    ] {
        fill(&world, DELIMITER, texts).await;
        assert_eq!(counts(&world, DELIMITER).await, expected, "{texts:?}");
    }
}

#[tokio::test]
async fn a_delimiter_may_be_any_text() {
    let world = parts("nvarchar(max)").await;
    let two = ["N'<a>' + @d + @p + @d + N'<b>' + @d + @p + @d", "@d + @p"];
    let long = "-".repeat(100);
    for delimiter in [
        "o'clock'",
        "'",
        "\u{1d11e}\u{e4}",
        " - ",
        "]",
        "%_[",
        "x\\\ny",
        &long,
    ] {
        fill(&world, delimiter, &two).await;
        assert_eq!(counts(&world, delimiter).await, (0, 3, 2), "{delimiter}");
    }
    for delimiter in ["", &"-".repeat(101), &"\u{1d11e}".repeat(51)] {
        let error = count(&world, delimiter).await.unwrap_err();
        assert_error(&error, (ErrorKind::InvalidInput, Effect::None), delimiter);
    }
}

#[tokio::test]
async fn texts_may_be_of_any_type_of_text() {
    let world = parts("nvarchar(max)").await;
    for kind in [
        "varchar(max)",
        "nvarchar(4000)",
        "char(2000)",
        "xml",
        "ntext",
        "text",
    ] {
        let make = format!("DROP TABLE dbo.PARTS; CREATE TABLE dbo.PARTS (Text {kind} NULL)");
        sql(&world, &make).await;
        let two = "N'<a>' + @d + @p + @d + N'</a><a>' + @d + @p + @d + N'</a>'";
        fill(&world, DELIMITER, &[two, "N'<a/>'", "NULL"]).await;
        assert_eq!(counts(&world, DELIMITER).await, (2, 2, 2), "{kind}");
    }
}

#[tokio::test]
async fn parts_are_told_by_the_key_that_they_begin_with() {
    let world = parts("nvarchar(max)").await;
    user(&world, "service", "Runtime").await;
    let cx = world.context();
    let modules = Database::modules(&named("SQL01"), &named(DATABASE));
    let modules = modules.run(&cx).await.unwrap();
    for (text, values, under_key) in [
        (
            "@d + @p + @d + N'<a>' + @d + @o + @d + @d + LOWER(@p) + @d",
            3,
            2,
        ),
        ("@d + STUFF(@p, 70, 1, N'G') + @d + @d + @d", 1, 1),
        // Cut off behind the key's identifier, and within it.
        ("@d + LEFT(@p, 32)", 1, 1),
        ("@d + LEFT(@p, 32) + @d + @d + LEFT(@p, 31)", 2, 1),
        ("@d + LEFT(@p, 30) + @d", 1, 0),
        ("@p", 0, 0),
    ] {
        fill(&world, DELIMITER, &[text, "NULL"]).await;
        let verify = Encryption::verify(&named("SQL01"), &named(DATABASE))
            .as_user(named("service"))
            .counting(column(DELIMITER))
            .trusting(&modules);
        let verified = verify.run(&cx).await.unwrap();
        let stored = &verified.stored[1];
        assert_eq!(stored.column, column(DELIMITER));
        assert_eq!(
            (stored.values, stored.under_key),
            (values, under_key),
            "{text}"
        );
    }
}
