//! Who owns which letter of the key space. One list, so that no two engines write the same keys.

use base::Key;

/// Returns the beginning of a key in a space. Kernel: upper-case letters from `E` on. Engines: the others, lower-case letters and
/// digits, see below.
///
/// | letter | owner | keys |
/// |---|---|---|
/// | `R` | kernel | resources as they stand |
/// | `V` | kernel | versions of resources |
/// | `E` | kernel | epoch, clock, serial numbers, when audit lines are looked through |
/// | `I` | kernel | idempotency keys |
/// | `J` | kernel | when idempotency keys expire |
/// | `T` | kernel | tokens |
/// | `P` | kernel | people: passwords, persons of identity providers, sessions by id, user and end, when users were last seen |
/// | `S` | kernel | what checks sign-ins by password, by user |
/// | `L` | kernel | counts of service levels, by level and minute |
/// | `O` | kernel | calls, replies and cancellations left over for the next turn |
/// | `X` | kernel | secrets, sealed, and which secret key of the unit counts |
/// | `a`..`h` | exchange | peers, contracts, outbox, receipts |
/// | `i`..`r` | process | instances, jobs, tasks, timers, messages, incidents |
/// | `s`..`z` | data | cursors, schemas, set-aside rows |
/// | `0`..`4` | desk | files of forms and their bytes |
/// | `5`..`9` | desk | who is notified, and of what |
/// | `A`..`D` | device | devices and twins, commands, the broker, rules |
pub fn key(space: u8) -> Key {
    Key::new(0, space)
}
