use std::cell::RefCell;

use proptest::prelude::*;

use super::Server;
use crate::simulator::engine::test_kit::run;

const LEAVES: &[&str] = &[
    "1",
    "0",
    "-1",
    "2147483647",
    "9223372036854775807",
    "-9223372036854775808",
    "1.5",
    "0.00000000000000000001",
    "99999999999999999999999999999999999999",
    "1e300",
    "-1e-300",
    "'a'",
    "N'漢字'",
    "''",
    "' 12 '",
    "NULL",
    "0x",
    "0x00FF",
    "'2026-02-29'",
    "'9999-12-31 23:59:59.999'",
    "'00112233-4455-6677-8899-AABBCCDDEEFF'",
    "'[%_]'",
    "NEWID()",
    "GETDATE()",
    "@@SPID",
];

/// How an expression is made from others: `$` stands for each of them.
const FORMS: &[&str] = &[
    "($ + $)",
    "($ - $)",
    "($ * $)",
    "($ / $)",
    "($ % $)",
    "($ & $)",
    "(- $)",
    "(~$)",
    "CASE WHEN $ = $ THEN $ ELSE $ END",
    "CASE WHEN $ LIKE $ THEN $ END",
    "NULLIF($, $)",
    "CASE WHEN $ BETWEEN $ AND $ THEN $ END",
    "IIF($ IN ($, $), $, $)",
    "ISNULL($, $)",
    "COALESCE($, $, $)",
    "CAST($ AS int)",
    "CAST($ AS tinyint)",
    "CAST($ AS decimal(38, 20))",
    "CAST($ AS varbinary(3))",
    "CAST($ AS datetime)",
    "CAST($ AS uniqueidentifier)",
    "CAST($ AS nchar(3))",
    "CAST($ AS float)",
    "CAST($ AS bit)",
    "CAST($ AS sql_variant)",
    "TRY_CAST($ AS date)",
    "CONVERT(varchar(20), $, 126)",
    "CONVERT(varbinary(8), $, 1)",
    "SUBSTRING($, $, $)",
    "LEFT($, $)",
    "RIGHT($, $)",
    "STUFF($, $, $, $)",
    "REPLICATE($, $)",
    "REPLACE($, $, $)",
    "CHARINDEX($, $, $)",
    "PATINDEX($, $)",
    "LEN($)",
    "DATALENGTH($)",
    "UPPER($)",
    "TRIM($)",
    "QUOTENAME($, $)",
    "CONCAT($, $)",
    "CHAR($)",
    "UNICODE($)",
    "SPACE($)",
    "HASHBYTES('SHA2_256', $)",
    "DATEADD(year, $, $)",
    "DATEADD(nanosecond, $, $)",
    "DATEDIFF(nanosecond, $, $)",
    "DATEDIFF(year, $, $)",
    "DATEPART(week, $)",
    "YEAR($)",
    "ROUND($, $)",
    "ABS($)",
    "SIGN($)",
    "FLOOR($)",
    "CEILING($)",
    "ISNUMERIC($)",
    "KEY_GUID($)",
    "ENCRYPTBYKEY($, $)",
    "DECRYPTBYKEY($)",
    "DECRYPTBYASYMKEY($, $)",
    "OBJECT_ID($)",
    "OBJECT_NAME($)",
    "DB_NAME($)",
    "DB_ID($)",
    "PARSENAME($, $)",
    "SUSER_SNAME($)",
    "SERVERPROPERTY($)",
    "HAS_PERMS_BY_NAME($, $, $)",
    "HAS_DBACCESS($)",
    "CHOOSE($, $, $)",
    "(SELECT MAX(n) FROM (VALUES ($), ($)) AS v(n))",
    "(SELECT SUM(n) FROM (VALUES ($)) AS v(n))",
    "(SELECT AVG(n) FROM (VALUES ($), ($)) AS v(n))",
];

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(LEAVES).prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 4, |inner| {
        (prop::sample::select(FORMS), prop::collection::vec(inner, 4)).prop_map(|(form, parts)| {
            let mut parts = parts.iter().cycle();
            let mut made = String::new();
            for c in form.chars() {
                match c {
                    '$' => made.push_str(parts.next().map_or("1", String::as_str)),
                    c => made.push(c),
                }
            }
            made
        })
    })
}

thread_local! {
    static SERVER: RefCell<Option<Server>> = const { RefCell::new(None) };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_expression_makes_a_session_panic(expression in expression()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        SERVER.with_borrow_mut(|server| {
            let server = server.get_or_insert_with(Server::new);
            let batch = format!("SELECT {expression} AS value");
            let answer = runtime.block_on(run(&mut server.sa, &batch));
            prop_assert!(!answer.ends.is_empty());
            // A wrong syntax would mean that nothing was tested.
            prop_assert!(answer.errors().iter().all(|number| ![102, 156].contains(number)));
            Ok(())
        })?;
    }
}
