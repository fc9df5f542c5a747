//! The modelling choices, by the names that the tables give them.

use scorch_recovery::simulator::ModellingChoices;

use super::table::{Setting, Settings};

/// The choices with these settings.
pub(crate) fn choices(settings: &Settings) -> ModellingChoices {
    let mut choices = ModellingChoices::default();
    for (name, setting) in settings {
        set(&mut choices, name, *setting);
    }
    choices
}

/// Every switch that a table may name, and the values it can have. A switch that chooses a number
/// freely is tested with its default and one other.
pub(crate) fn values(name: &str) -> &'static [Setting] {
    const EITHER: &[Setting] = &[Setting::Is(false), Setting::Is(true)];
    match name {
        "wrong_key_file_password" => &[
            Setting::Number(15317),
            Setting::Number(15465),
            Setting::Number(15466),
        ],
        "wrong_private_key_password" => &[
            Setting::Number(15465),
            Setting::Number(15466),
            Setting::Number(15556),
        ],
        "unseen_state" => &[Setting::Number(1), Setting::Number(7)],
        "unseen_command" => &[Setting::Number(0), Setting::Number(231)],
        "adding_same_encryption_fails"
        | "class_as_catalogued"
        | "foreign_master_key_stops_key_restore"
        | "offline_database_stops_key_restore"
        | "own_password_policy_on_linux" => EITHER,
        other => panic!("no switch {other:?} is known to this test"),
    }
}

/// Whether the field's value is the switch's own.
pub(crate) fn is_own_value(name: &str) -> bool {
    matches!(name, "unseen_state" | "unseen_command")
}

pub(crate) fn default_of(name: &str) -> Setting {
    let choices = ModellingChoices::default();
    match name {
        "wrong_key_file_password" => Setting::Number(choices.wrong_key_file_password),
        "wrong_private_key_password" => Setting::Number(choices.wrong_private_key_password),
        "unseen_state" => Setting::Number(choices.unseen_state.into()),
        "unseen_command" => Setting::Number(choices.unseen_command.into()),
        "adding_same_encryption_fails" => Setting::Is(choices.adding_same_encryption_fails),
        "class_as_catalogued" => Setting::Is(choices.class_as_catalogued),
        "foreign_master_key_stops_key_restore" => {
            Setting::Is(choices.foreign_master_key_stops_key_restore)
        }
        "offline_database_stops_key_restore" => {
            Setting::Is(choices.offline_database_stops_key_restore)
        }
        "own_password_policy_on_linux" => Setting::Is(choices.own_password_policy_on_linux),
        other => panic!("no switch {other:?} is known to this test"),
    }
}

fn set(choices: &mut ModellingChoices, name: &str, setting: Setting) {
    let is = || match setting {
        Setting::Is(value) => value,
        Setting::Number(_) => panic!("{name} is no number"),
    };
    let number = || match setting {
        Setting::Number(value) => value,
        Setting::Is(_) => panic!("{name} is a number"),
    };
    match name {
        "wrong_key_file_password" => choices.wrong_key_file_password = number(),
        "wrong_private_key_password" => choices.wrong_private_key_password = number(),
        "unseen_state" => choices.unseen_state = number().try_into().unwrap(),
        "unseen_command" => choices.unseen_command = number().try_into().unwrap(),
        "adding_same_encryption_fails" => choices.adding_same_encryption_fails = is(),
        "class_as_catalogued" => choices.class_as_catalogued = is(),
        "foreign_master_key_stops_key_restore" => {
            choices.foreign_master_key_stops_key_restore = is();
        }
        "offline_database_stops_key_restore" => choices.offline_database_stops_key_restore = is(),
        "own_password_policy_on_linux" => choices.own_password_policy_on_linux = is(),
        other => panic!("no switch {other:?} is known to this test"),
    }
}
