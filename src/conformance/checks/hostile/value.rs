//! Columns and values that no server has.

use super::threat;
use crate::conformance::check::Check;
use crate::conformance::player::tokens;
use crate::conformance::player::tokens::Kind;

const CHUNK: usize = 3000;

/// An answer of one column of a type, and one row of these bytes.
fn answer(description: &[u8], value: &[u8]) -> Vec<u8> {
    [
        &tokens::one_column(description)[..],
        &tokens::row(&[value]),
        &tokens::done(0, Some(1)),
    ]
    .concat()
}

const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];

pub(super) const CHECKS: &[Check] = &[
    threat!(
        "hostile/columns-of-an-absurd-count",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(&[&[tokens::COLUMN_METADATA, 0xFE, 0xFF][..], &[0; 500]].concat())
        }
    ),
    threat!("hostile/columns-without-end", NotAnswer, |player| {
        player.hear_batch()?;
        player.send_part(&[tokens::COLUMN_METADATA, 0xFE, 0xFF])?;
        let column = tokens::column(&[0x26, 4], &"x".repeat(255));
        for _ in 0..2000 {
            player.send_part(&column.repeat(20))?;
        }
        player.hold()
    }),
    threat!(
        "hostile/column-of-an-unknown-type",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(&answer(&[0x99, 0x99, 0x99], &[1, 1, 1, 1]))
        }
    ),
    threat!(
        "hostile/column-with-a-name-beyond-its-end",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(&[
                tokens::COLUMN_METADATA,
                1,
                0,
                0,
                0,
                0,
                0,
                9,
                0,
                0x26,
                4,
                0xFF,
                0x41,
                0,
            ])
        }
    ),
    threat!(
        "hostile/column-of-a-type-of-users",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            let description = [0xF0, 0xFF, 0xFF, 0xFF, 0x41, 0, 0xFF];
            player.send(&tokens::one_column(&description))
        }
    ),
    threat!(
        "hostile/column-of-documents-beyond-their-end",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(
                &[
                    &[tokens::COLUMN_METADATA, 1, 0, 0, 0, 0, 0, 9, 0][..],
                    &[0xF1, 1, 0xFF, 0x41],
                ]
                .concat(),
            )
        }
    ),
    threat!(
        "hostile/column-of-decimals-of-absurd-precision",
        EndWell,
        |player| {
            player.hear_batch()?;
            player.send(&answer(
                &[0x6A, 17, 200, 250],
                &[&[17, 1][..], &[0xFF; 16]].concat(),
            ))
        }
    ),
    threat!(
        "hostile/column-of-times-of-absurd-scale",
        EndWell,
        |player| {
            player.hear_batch()?;
            player.send(&answer(&[0x2A, 200], &[8, 1, 2, 3, 4, 5, 6, 7, 8]))
        }
    ),
    threat!(
        "hostile/column-of-an-unknown-collation",
        EndWell,
        |player| {
            player.hear_batch()?;
            let description = [0xA7, 100, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
            player.send(&answer(&description, &[2, 0, 0x80, 0xFF]))
        }
    ),
    threat!(
        "hostile/value-of-a-number-of-3-bytes",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(
                &[
                    &tokens::one_column(&[0x26, 4])[..],
                    &tokens::row(&[&[3, 1, 2, 3]]),
                ]
                .concat(),
            )
        }
    ),
    threat!(
        "hostile/value-of-a-bit-of-200-bytes",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(
                &[
                    &tokens::one_column(&[0x68, 1])[..],
                    &tokens::row(&[&[200, 1]]),
                ]
                .concat(),
            )
        }
    ),
    threat!(
        "hostile/value-of-a-guid-of-5-bytes",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            let row = tokens::row(&[&[5, 1, 2, 3, 4, 5]]);
            player.send(&[&tokens::one_column(&[0x24, 16])[..], &row].concat())
        }
    ),
    threat!(
        "hostile/value-of-a-float-of-3-bytes",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(
                &[
                    &tokens::one_column(&[0x6D, 8])[..],
                    &tokens::row(&[&[3, 1, 2, 3]]),
                ]
                .concat(),
            )
        }
    ),
    threat!(
        "hostile/value-of-a-decimal-of-255-bytes",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(
                &[
                    &tokens::one_column(&[0x6A, 17, 38, 10])[..],
                    &tokens::row(&[&[255, 1, 1]]),
                ]
                .concat(),
            )
        }
    ),
    threat!(
        "hostile/value-of-a-time-of-255-bytes",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(
                &[
                    &tokens::one_column(&[0x2A, 7])[..],
                    &tokens::row(&[&[255, 1, 1]]),
                ]
                .concat(),
            )
        }
    ),
    threat!(
        "hostile/value-of-a-day-beyond-the-calendar",
        EndWell,
        |player| {
            player.hear_batch()?;
            player.send(&answer(&[0x2A, 7], &[8, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF]))
        }
    ),
    threat!(
        "hostile/value-of-a-moment-beyond-the-day",
        EndWell,
        |player| {
            player.hear_batch()?;
            player.send(&answer(
                &[0x2A, 7],
                &[8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 1, 1],
            ))
        }
    ),
    threat!(
        "hostile/value-of-a-datetime-beyond-the-calendar",
        EndWell,
        |player| {
            player.hear_batch()?;
            player.send(&answer(
                &[0x6F, 8],
                &[8, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF],
            ))
        }
    ),
    threat!("hostile/value-of-half-a-pair", EndWell, |player| {
        player.hear_batch()?;
        let description = [&[0xE7, 0x40, 0x1F][..], &COLLATION].concat();
        player.send(&answer(&description, &[4, 0, 0x00, 0xD8, 0x41, 0]))
    }),
    threat!("hostile/value-of-an-odd-text", EndWell, |player| {
        player.hear_batch()?;
        let description = [&[0xE7, 0x40, 0x1F][..], &COLLATION].concat();
        player.send(&answer(&description, &[3, 0, 0x41, 0, 0x41]))
    }),
    threat!(
        "hostile/value-of-a-text-beyond-its-column",
        EndWell,
        |player| {
            player.hear_batch()?;
            let description = [&[0xE7, 4, 0][..], &COLLATION].concat();
            player.send(&answer(&description, &tokens::text(&"x".repeat(2000))))
        }
    ),
    threat!(
        "hostile/value-of-a-text-beyond-its-end",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            let columns = tokens::columns(&[("t", Kind::Text)]);
            player.send(&[&columns[..], &tokens::row(&[&[0xF0, 0xFF, 0x41, 0]])].concat())
        }
    ),
    threat!(
        "hostile/value-of-an-old-text-of-2-gigabytes",
        NotAnswer,
        |player| {
            player.hear_batch()?;
            // The type `text`, whose values have a length of four bytes.
            let description = [
                &[0x23, 0xFF, 0xFF, 0xFF, 0x7F][..],
                &COLLATION,
                &[1, 1, 0, 0x74, 0],
            ]
            .concat();
            let value = [&[16][..], &[0; 16], &[0; 8], &[0xFF, 0xFF, 0xFF, 0x7F]].concat();
            player.send_part(
                &[
                    &tokens::one_column(&description)[..],
                    &tokens::row(&[&value]),
                ]
                .concat(),
            )?;
            player.send_for_ever(&[0x41; CHUNK])
        }
    ),
    threat!("hostile/value-of-an-absurd-length", NotAnswer, |player| {
        player.hear_batch()?;
        let columns = tokens::columns(&[("t", Kind::LongText)]);
        let length = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F];
        player.send_part(
            &[
                &columns[..],
                &tokens::row(&[&length]),
                &[0xFF, 0xFF, 0xFF, 0xFF],
            ]
            .concat(),
        )?;
        player.send_for_ever(&[0x41; CHUNK])
    }),
    threat!(
        "hostile/value-of-an-absurd-length-that-ends",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            let columns = tokens::columns(&[("t", Kind::LongBytes)]);
            let length = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F];
            player.send(
                &[
                    &columns[..],
                    &tokens::row(&[&length]),
                    &[0xFF, 0xFF, 0xFF, 0xFF, 1, 2],
                ]
                .concat(),
            )
        }
    ),
    threat!("hostile/value-in-pieces-without-end", NotAnswer, |player| {
        player.hear_batch()?;
        player.send_part(&tokens::columns(&[("t", Kind::LongText)]))?;
        let unknown = [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        player.send_part(&tokens::row(&[&unknown]))?;
        let piece = [&[0xE8, 3, 0, 0][..], &[0x41; 1000]].concat();
        player.send_for_ever(&piece.repeat(8))
    }),
    threat!(
        "hostile/value-of-bytes-in-pieces-without-end",
        NotAnswer,
        |player| {
            player.hear_batch()?;
            player.send_part(&tokens::columns(&[("b", Kind::LongBytes)]))?;
            let unknown = [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
            player.send_part(&tokens::row(&[&unknown]))?;
            let piece = [&[1, 0, 0, 0][..], &[0x41]].concat();
            player.send_for_ever(&piece.repeat(2000))
        }
    ),
    threat!(
        "hostile/value-of-a-variant-of-no-kind",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            let columns = tokens::one_column(&[0x62, 0x49, 0x1F, 0, 0]);
            let value = [10, 0, 0, 0, 0x99, 0xFF, 1, 2, 3, 4, 5, 6, 7, 8];
            player.send(&[&columns[..], &tokens::row(&[&value])].concat())
        }
    ),
    threat!(
        "hostile/value-of-a-variant-beyond-its-end",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            let columns = tokens::one_column(&[0x62, 0x49, 0x1F, 0, 0]);
            let value = [0xFF, 0xFF, 0xFF, 0x7F, 0x38, 0, 1, 2, 3, 4];
            player.send(&[&columns[..], &tokens::row(&[&value])].concat())
        }
    ),
    threat!(
        "hostile/rows-of-1-megabyte-without-end",
        NotAnswer,
        |player| {
            player.hear_batch()?;
            player.send_part(&tokens::columns(&[
                ("t", Kind::Narrow),
                ("u", Kind::LongBytes),
            ]))?;
            let piece = vec![0x41; 1 << 20];
            let value = tokens::in_pieces(&[&piece]);
            let row = tokens::row(&[&[1, 0, 0x41], &value]);
            player.send_for_ever(&row)
        }
    ),
];
