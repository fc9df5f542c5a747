//! What a session says of its protection is true.

use std::sync::Arc;

use crate::conformance::check::miss;
use crate::conformance::check::{Check, Outcome, check, expect, expect_same, not_applicable};
use crate::conformance::player::{
    Certificate, Cut, ENCRYPT_NOT_SUPPORTED, ENCRYPT_ON, Play, TDS_8, tokens,
};
use crate::conformance::scene::{SOON, Scene, Way, told, within};
use crate::transport::Wire;

pub(super) const CHECKS: &[Check] = &[
    check!("wire/stays-the-same", stays_the_same),
    check!("wire/verified-is-verified", verified),
    check!("wire/plain-is-plain", plain),
];

async fn stays_the_same(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    let before = client.0.wire();
    client.run("SELECT 1").await?;
    expect_same(
        "the same protection before a batch and after",
        &before,
        &client.0.wire(),
    )?;
    let play: Play = Arc::new(|_| Ok(()));
    let has_a_wire = scene.reach(Way::Tls, Cut::default(), play).is_ok();
    expect(
        !(has_a_wire && before == Wire::InProcess),
        "no claim to stay in this process from what connects to an address",
        || format!("{before:?}"),
    )
}

/// Signs in at a healthy server of the suite's, and says how the session says it is protected.
async fn wire_of(scene: &Scene, way: Way) -> Outcome<(Wire, u32)> {
    let play: Play = Arc::new(move |player| {
        match way {
            Way::Tls => {
                player.prelogin(Some(ENCRYPT_ON))?;
                player.handshake(Certificate::Good.server()?)?;
            }
            Way::Plain => player.prelogin(Some(ENCRYPT_NOT_SUPPORTED))?,
            Way::Strict => {
                player.handshake_first(Certificate::Good.strict_server(TDS_8)?)?;
                player.prelogin(Some(ENCRYPT_NOT_SUPPORTED))?;
            }
        }
        player.until_batch()?;
        player.send(&tokens::done(0, None))?;
        player.hold()
    });
    let reached = scene.reach(way, Cut::default(), play)?;
    let instance = scene.instance();
    let connecting = reached.transport.connect(&instance, None);
    let session = within(SOON, "a session", connecting)
        .await?
        .map_err(|error| miss("a session", told(&error)))?;
    Ok((session.wire(), reached.served.seen().clear_logins))
}

async fn verified(scene: &Scene) -> Outcome {
    let (wire, clear_logins) = wire_of(scene, Way::Tls).await?;
    expect_same(
        "the claim over TLS with a certificate that was checked",
        &Wire::Verified,
        &wire,
    )?;
    expect_same("no password in clear text", &0, &clear_logins)
}

async fn plain(scene: &Scene) -> Outcome {
    if scene
        .reach(Way::Plain, Cut::default(), Arc::new(|_| Ok(())))
        .is_err()
    {
        return not_applicable("the fixture makes no unprotected transport");
    }
    let (wire, _) = wire_of(scene, Way::Plain).await?;
    expect_same("the claim without TLS", &Wire::Plain, &wire)
}
