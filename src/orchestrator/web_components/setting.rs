use super::keyword::SqlClientKeyword;

/// One keyword of SqlClient, wherever it is kept, and its value.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    /// As it is written there.
    pub(super) name: &'a str,
    /// Which it is; `None` for one that is not known here.
    pub(super) keyword: Option<SqlClientKeyword>,
    pub(super) value: &'a str,
}
