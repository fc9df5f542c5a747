//! The ways of being broken.

/// How it is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    // Connecting.
    IgnoresTheDatabase,
    GoesToAnotherDatabase,
    KnowsAnyInstance,
    LetsAnyPasswordIn,
    TellsThePassword,
    WaitsWhereNobodyListens,
    GoesOnConnecting,
    // Sessions.
    ConnectsForEachBatch,
    SharesOneSession,
    KeepsSessionsOpen,
    /// Runs this before every batch.
    Before(&'static str),
    // Batches.
    TrimsBatches,
    SplitsAtGo,
    AddsALine,
    RepeatsAfterErrors,
    CutsLongBatches,
    RefusesEmptyBatches,
    /// Puts this around every batch.
    Around(&'static str, &'static str),
    // Answers.
    Answer(Bend),
    ReturnsErrorsAsErr,
    EndsAtTheFirstError,
    AnswersWithTheLastAnswer,
    // Giving up.
    IsSlowToDrop,
    GoesOnWhenDropped,
    DiesWhenDropped,
    HangsForEver,
    // The wire.
    ChangesItsWire,
    SaysItIsVerified,
    SaysItIsPlain,
    GoesPlain,
    TrustsAnyCertificate,
    // Hostile servers.
    BlocksItsThread,
    Panics,
    SaysThatNothingWasSent,
    TakesAnythingForGranted,
}

/// What it makes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bend {
    DoublesRows,
    RowsBeforeColumns,
    TrimsNames,
    SkipsEmptySets,
    KeepsItToTheEnd,
    DropsRowsFrom5000,
    LastErrorOnly,
    ForgetsStates,
    MessagesFirst,
    NoNotices,
    NoticesLast,
    ForgetsLines,
    BitsAsNumbers,
    ShortFloats,
    DecimalsAsFloats,
    TrimsTexts,
    BasicPlaneOnly,
    TrimsBytes,
    GuidsInOrder,
    WholeSeconds,
    NullAsEmpty,
    ShortTexts,
    ShortBytes,
    VariantsAsNull,
    ValuesAsNull,
}
