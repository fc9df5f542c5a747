//! The Windows accounts and groups that an instance's machine can look up.

use crate::names::NameError;
use crate::simulator::catalog::{Bytes, PrincipalKind};
use crate::simulator::instance::same_name;

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct WindowsAccount {
    /// `DOMAIN\name`.
    pub(crate) name: String,
    pub(crate) sid: Bytes,
    pub(crate) kind: PrincipalKind,
}

/// All of them: those that every machine has, and those that the builder told.
#[derive(Clone, Debug)]
pub(crate) struct WindowsAccounts(Vec<WindowsAccount>);

impl WindowsAccounts {
    /// Those that every Windows has.
    pub(crate) fn of_every_machine() -> Self {
        let account = |name: &str, parts: &[u32], kind| WindowsAccount {
            name: name.to_owned(),
            sid: Bytes(sid(5, parts)),
            kind,
        };
        Self(vec![
            account(
                r"BUILTIN\Administrators",
                &[32, 544],
                PrincipalKind::WindowsGroup,
            ),
            account(r"BUILTIN\Users", &[32, 545], PrincipalKind::WindowsGroup),
            account(r"NT AUTHORITY\SYSTEM", &[18], PrincipalKind::WindowsUser),
        ])
    }

    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn push(
        &mut self,
        name: String,
        sid: &str,
        kind: PrincipalKind,
    ) -> Result<(), NameError> {
        let refused = |problem: &str| NameError::new("Windows account", problem);
        if !name.contains('\\') {
            return Err(refused("give its domain or machine too: DOMAIN\\name"));
        }
        let sid = binary_sid(sid).ok_or_else(|| refused("its SID reads S-1-5-21-1-2-3-1001"))?;
        self.0.push(WindowsAccount {
            name,
            sid: Bytes(sid),
            kind,
        });
        Ok(())
    }

    pub(crate) fn named(&self, name: &str) -> Option<&WindowsAccount> {
        self.0.iter().find(|known| same_name(&known.name, name))
    }

    pub(crate) fn with_sid(&self, sid: &[u8]) -> Option<&WindowsAccount> {
        self.0.iter().find(|known| known.sid.0 == sid)
    }
}

/// `S-1-5-…` as bytes; `None` for other texts.
pub(crate) fn binary_sid(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('-');
    if !parts.next()?.eq_ignore_ascii_case("s") || parts.next()? != "1" {
        return None;
    }
    let authority = parts.next()?.parse().ok()?;
    let below: Vec<u32> = parts.map(|part| part.parse().ok()).collect::<Option<_>>()?;
    (below.len() <= 15).then(|| sid(authority, &below))
}

fn sid(authority: u64, below: &[u32]) -> Vec<u8> {
    let mut bytes = vec![1, u8::try_from(below.len()).unwrap_or(u8::MAX)];
    // Six bytes, the greatest first; what is below is the other way round.
    bytes.extend_from_slice(&authority.to_be_bytes()[2..]);
    bytes.extend(below.iter().flat_map(|part| part.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_name_and_by_sid() {
        let mut accounts = WindowsAccounts::of_every_machine();
        accounts
            .push(
                r"CONTOSO\svc".to_owned(),
                "S-1-5-21-1-2-3-1001",
                PrincipalKind::WindowsUser,
            )
            .unwrap();
        let svc = accounts.named(r"contoso\SVC").unwrap();
        assert_eq!(
            hex::encode(&svc.sid.0),
            "010500000000000515000000010000000200000003000000e9030000"
        );
        let administrators = accounts.named(r"BUILTIN\Administrators").unwrap();
        assert_eq!(
            hex::encode(&administrators.sid.0),
            "01020000000000052000000020020000"
        );
        assert!(accounts.with_sid(&svc.sid.0).is_some());
        assert!(accounts.with_sid(&[1]).is_none());
        for (name, sid) in [("svc", "S-1-5-18"), (r"C\x", "S-1"), (r"C\x", "x")] {
            let pushed = accounts.push(name.to_owned(), sid, PrincipalKind::WindowsUser);
            assert!(pushed.is_err(), "{name} {sid}");
        }
    }
}
