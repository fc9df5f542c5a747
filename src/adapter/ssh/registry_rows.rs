//! What `reg.exe query` prints, of which only error messages are in the language of the host.

/// A value, as it is printed: four blanks, its name, four, its type, four, its data.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RegistryRow {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) data: String,
}

const GAP: &str = "    ";

impl RegistryRow {
    pub(super) fn read(line: &str) -> Option<Self> {
        let line = line.strip_prefix(GAP)?;
        let at = line.find("    REG_")?;
        let rest = &line[at + GAP.len()..];
        let (kind, data) = rest.split_once(GAP).unwrap_or((rest, ""));
        Some(Self {
            name: line[..at].to_owned(),
            kind: kind.to_owned(),
            data: data.to_owned(),
        })
    }

    /// Of a `REG_DWORD`.
    pub(super) fn number(&self) -> Option<u32> {
        let is_number = self.kind == "REG_DWORD";
        let digits = self.data.strip_prefix("0x").filter(|_| is_number)?;
        u32::from_str_radix(digits, 16).ok()
    }

    /// Of a `REG_MULTI_SZ`, whose texts are parted by `\0` in print.
    pub(super) fn texts(&self) -> Vec<&str> {
        self.data
            .split(r"\0")
            .filter(|text| !text.is_empty())
            .collect()
    }
}

/// The one value of a query for it. Its data may go over several lines, which can't be told from other rows: `None`.
pub(super) fn only_value(output: &str) -> Option<RegistryRow> {
    let mut lines = output.lines().filter(|line| !line.is_empty());
    lines
        .next()
        .filter(|key| key.starts_with("HKEY_LOCAL_MACHINE"))?;
    let row = RegistryRow::read(lines.next()?)?;
    lines.next().is_none().then_some(row)
}

/// The values of a key. Its subkeys follow, by their whole names.
pub(super) fn values(output: &str) -> Vec<RegistryRow> {
    output.lines().filter_map(RegistryRow::read).collect()
}

/// Whether a key's listing names this subkey.
pub(super) fn has_subkey(output: &str, subkey: &str) -> bool {
    let keys = output
        .lines()
        .filter_map(|line| line.strip_prefix(r"HKEY_LOCAL_MACHINE\"));
    keys.map(str::to_lowercase)
        .any(|key| key == subkey.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wine 8.0, as it was seen, but for the dependencies.
    const KEY: &str = "\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\EventLog\r\n    DependOnService    REG_MULTI_SZ    RpcSs\\0+Group\\0LanmanServer\r\n    Empty    REG_SZ    \r\n    ImagePath    REG_SZ    C:\\windows\\system32\\svchost.exe -k Local\r\n    Start    REG_DWORD    0x2\r\n\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\EventLog\\System\r\n";

    #[test]
    fn values_are_read_as_they_are_printed() {
        let rows = values(KEY);
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[0].texts(), ["RpcSs", "+Group", "LanmanServer"]);
        assert_eq!((&*rows[1].name, &*rows[1].data), ("Empty", ""));
        assert_eq!((rows[2].number(), rows[3].number()), (None, Some(2)));
        assert!(has_subkey(
            KEY,
            r"system\CurrentControlSet\services\eventlog\SYSTEM"
        ));
        assert!(!has_subkey(
            KEY,
            r"system\CurrentControlSet\services\eventlog\Sys"
        ));
    }

    #[test]
    fn a_single_value_is_only_taken_whole() {
        let one =
            "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\a\r\n    a b    REG_SZ    DBMSSOCN,x y \r\n\r\n";
        let row = only_value(one).unwrap();
        assert_eq!(
            (&*row.name, &*row.kind, &*row.data),
            ("a b", "REG_SZ", "DBMSSOCN,x y ")
        );
        assert_eq!(only_value(&one.replace("x y", "x\r\ny")), None);
        assert_eq!(only_value("ERROR: x"), None);
        assert_eq!(only_value(""), None);
    }
}
