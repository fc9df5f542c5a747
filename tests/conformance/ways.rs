//! What each way of being broken is held to, and exactly the checks that it must fail. A name that
//! ends in `*` stands for all that begin so: of those at least one.

use crate::way::{Bend, Way};

/// A way of being broken, the part of the suite that it is held to (by [`Suite::only`]; all of it
/// where that is empty), and the checks that it must fail.
///
/// [`Suite::only`]: scorch_recovery::conformance::Suite::only
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) way: Way,
    pub(crate) part: &'static str,
    pub(crate) expected: &'static [&'static str],
}

const fn case(way: Way, expected: &'static [&'static str]) -> Case {
    part(way, "", expected)
}

const fn part(way: Way, part: &'static str, expected: &'static [&'static str]) -> Case {
    Case {
        way,
        part,
        expected,
    }
}

/// Around the simulator's own transport.
pub(crate) const IN_PROCESS: &[Case] = &[
    // The slowest first.
    part(Way::HangsForEver, "connect/answers", &["connect/answers"]),
    case(
        Way::IgnoresTheDatabase,
        &[
            "connect/opens-the-database-asked-for",
            "connect/refuses-a-missing-database",
        ],
    ),
    case(
        Way::GoesToAnotherDatabase,
        &["connect/opens-the-login-s-database"],
    ),
    case(
        Way::KnowsAnyInstance,
        &["connect/refuses-an-unknown-instance"],
    ),
    case(
        Way::LetsAnyPasswordIn,
        &[
            "connect/refuses-a-wrong-password",
            "connect/tells-no-secret",
        ],
    ),
    case(Way::TellsThePassword, &["connect/tells-no-secret"]),
    case(
        Way::ConnectsForEachBatch,
        &["session/*", "batch/*", "message/*", "cancel/*"],
    ),
    case(Way::SharesOneSession, &["session/*", "cancel/*"]),
    case(Way::KeepsSessionsOpen, &["session/closes-when-dropped"]),
    case(
        Way::Before("USE master"),
        &[
            "connect/opens-the-database-asked-for",
            "session/keeps-its-database",
        ],
    ),
    case(
        Way::Before("SET LOCK_TIMEOUT -1"),
        &["session/keeps-its-settings"],
    ),
    case(
        Way::Before("SET NOCOUNT OFF; SET XACT_ABORT OFF"),
        &["batch/keeps-settings-of-earlier-ones"],
    ),
    case(
        Way::Before("SET NOCOUNT ON"),
        &["batch/gets-no-added-settings"],
    ),
    case(
        Way::Before("IF @@TRANCOUNT > 0 COMMIT"),
        &["session/keeps-its-transaction"],
    ),
    case(
        Way::TrimsBatches,
        &[
            "batch/*",
            "message/errors-come-whole",
            "message/notices-come-whole",
        ],
    ),
    case(Way::SplitsAtGo, &["batch/is-not-split-at-go"]),
    case(
        Way::AddsALine,
        &["batch/begins-at-line-1", "message/notices-come-whole"],
    ),
    case(
        Way::RepeatsAfterErrors,
        &["batch/is-sent-once", "message/a-batch-goes-on-after-errors"],
    ),
    case(Way::CutsLongBatches, &["batch/can-be-long"]),
    case(Way::RefusesEmptyBatches, &["batch/can-be-empty"]),
    case(
        Way::Answer(Bend::DoublesRows),
        &[
            "connect/answers",
            "connect/*",
            "session/*",
            "batch/*",
            "result/*",
            "message/*",
            "value/*",
            "cancel/*",
        ],
    ),
    case(
        Way::Answer(Bend::RowsBeforeColumns),
        &[
            "result/columns-come-before-rows",
            "result/can-be-empty",
            "message/errors-come-after-their-rows",
            "message/notices-keep-their-place",
        ],
    ),
    case(Way::Answer(Bend::TrimsNames), &["result/names-its-columns"]),
    case(Way::Answer(Bend::SkipsEmptySets), &["result/can-be-empty"]),
    case(
        Way::Answer(Bend::KeepsItToTheEnd),
        &["result/arrives-before-the-end", "message/notices-come-live"],
    ),
    case(
        Way::Answer(Bend::DropsRowsFrom5000),
        &["result/keeps-many-rows-in-order"],
    ),
    case(
        Way::Answer(Bend::LastErrorOnly),
        &[
            "message/errors-come-as-claimed",
            "message/notices-keep-their-place",
        ],
    ),
    case(
        Way::Answer(Bend::ForgetsStates),
        &["message/errors-come-whole", "message/notices-come-whole"],
    ),
    case(
        Way::Answer(Bend::MessagesFirst),
        &[
            "message/errors-come-after-their-rows",
            "message/notices-come-live",
            "message/notices-keep-their-place",
            "result/arrives-before-the-end",
        ],
    ),
    case(
        Way::Answer(Bend::NoNotices),
        &[
            "message/notices-come-as-claimed",
            "message/notices-come-live",
            "message/notices-keep-their-place",
            "message/notices-come-whole",
        ],
    ),
    case(
        Way::Answer(Bend::NoticesLast),
        &[
            "message/notices-come-live",
            "message/notices-keep-their-place",
        ],
    ),
    case(
        Way::Answer(Bend::ForgetsLines),
        &[
            "batch/begins-at-line-1",
            "message/errors-come-whole",
            "message/notices-come-whole",
        ],
    ),
    case(Way::Answer(Bend::BitsAsNumbers), &["value/whole-numbers"]),
    case(Way::Answer(Bend::ShortFloats), &["value/floats"]),
    case(Way::Answer(Bend::DecimalsAsFloats), &["value/decimals"]),
    case(
        Way::Answer(Bend::TrimsTexts),
        &[
            "value/texts",
            "batch/is-sent-unchanged",
            "batch/can-be-long",
        ],
    ),
    case(Way::Answer(Bend::BasicPlaneOnly), &["value/unicode"]),
    case(Way::Answer(Bend::TrimsBytes), &["value/bytes"]),
    case(Way::Answer(Bend::GuidsInOrder), &["value/guids"]),
    case(Way::Answer(Bend::WholeSeconds), &["value/times"]),
    case(
        Way::Answer(Bend::NullAsEmpty),
        &["value/nulls", "value/variants"],
    ),
    case(Way::Answer(Bend::VariantsAsNull), &["value/variants"]),
    case(
        Way::Answer(Bend::ShortTexts),
        &["value/long-texts", "batch/can-be-long"],
    ),
    case(Way::Answer(Bend::ShortBytes), &["value/long-bytes"]),
    case(
        Way::ReturnsErrorsAsErr,
        &[
            "message/errors-are-no-err",
            "message/*",
            "batch/begins-at-line-1",
            "batch/is-sent-once",
            "session/is-one-connection",
            "session/is-not-another-s",
        ],
    ),
    case(
        Way::EndsAtTheFirstError,
        &["message/an-error-is-not-the-end"],
    ),
    case(
        Way::Around("BEGIN TRY ", "\nEND TRY BEGIN CATCH THROW END CATCH"),
        &["message/a-batch-goes-on-after-errors", "message/*"],
    ),
    case(
        Way::AnswersWithTheLastAnswer,
        &[
            "message/a-session-goes-on-after-errors",
            "message/a-batch-goes-on-after-errors",
            "message/errors-are-no-err",
            "batch/is-sent-once",
            "session/is-one-connection",
            "cancel/ends-the-batch-on-the-server",
            "cancel/mixes-up-no-answers",
        ],
    ),
    case(Way::IsSlowToDrop, &["cancel/is-prompt"]),
    case(
        Way::GoesOnWhenDropped,
        &[
            "cancel/ends-the-batch-on-the-server",
            "cancel/keeps-the-session",
            "cancel/mixes-up-no-answers",
            "message/notices-come-live",
            "result/arrives-before-the-end",
        ],
    ),
    case(
        Way::DiesWhenDropped,
        &[
            "cancel/ends-the-batch-on-the-server",
            "cancel/keeps-the-session",
            "cancel/mixes-up-no-answers",
        ],
    ),
    case(Way::ChangesItsWire, &["wire/stays-the-same"]),
];

/// It breaks nothing, and is said to.
pub(crate) const NOT_BROKEN: Case = case(
    Way::Before("DECLARE @nothing int"),
    &["session/keeps-its-settings"],
);

/// The only way that fails `wire/stays-the-same`.
pub(crate) const FAILS_ALONE: Way = Way::ChangesItsWire;

/// Around tiberius, with the servers that the suite plays.
pub(crate) const ON_THE_WIRE: &[Case] = &[
    part(Way::Panics, "hostile/", &["hostile/*"]),
    part(Way::TakesAnythingForGranted, "hostile/", &["hostile/*"]),
    part(
        Way::WaitsWhereNobodyListens,
        "connect/",
        &[
            "connect/fails-at-a-dead-port",
            "connect/refuses-an-unknown-instance",
        ],
    ),
    part(
        Way::GoesOnConnecting,
        "connect/",
        &["connect/closes-when-dropped"],
    ),
    part(
        Way::TellsThePassword,
        "hostile/certificate",
        &["hostile/certificate-*"],
    ),
    part(
        Way::TrustsAnyCertificate,
        "hostile/certificate",
        &["hostile/certificate-*"],
    ),
    part(
        Way::GoesPlain,
        "hostile/encryption",
        &["hostile/encryption-*"],
    ),
    part(
        Way::GoesOnWhenDropped,
        "hostile/cancel",
        &["hostile/cancel-never-acknowledged"],
    ),
    part(
        Way::SaysThatNothingWasSent,
        "hostile/answer-none",
        &["hostile/answer-none"],
    ),
    part(
        Way::BlocksItsThread,
        "hostile/value-of-half-a-pair",
        &["hostile/value-of-half-a-pair"],
    ),
    part(Way::SaysItIsVerified, "wire/", &["wire/plain-is-plain"]),
    part(Way::SaysItIsPlain, "wire/", &["wire/verified-is-verified"]),
];

/// Around mssql-tds, which reaches servers that tiberius does not.
#[cfg(feature = "mssql-tds")]
pub(crate) const ON_THE_OTHER_WIRE: &[Case] = &[
    part(Way::Panics, "hostile/", &["hostile/*"]),
    part(Way::TakesAnythingForGranted, "hostile/", &["hostile/*"]),
];
