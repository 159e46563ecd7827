//! The values of `error` in the addresses that a refused form leads back to. The pages have the sentences.

/// `/sign-in`: the e-mail address or the password is wrong, or the account is disabled; which one is not told (row OP7).
pub const INVALID: &str = "invalid";
/// `/sign-in`: too many attempts; try again later.
pub const LIMITED: &str = "limited";
/// `/sign-in`: the form was too old; send it again. `/setup/{token}`: the same, or the link was used or replaced.
pub const EXPIRED: &str = "expired";
/// `/setup/{token}`: this is not an e-mail address.
pub const EMAIL: &str = "email";
/// `/setup/{token}`: the password does not pass [`crate::password::check_password_strength`].
pub const PASSWORD: &str = "password";
/// `/setup/{token}`: there is a first person already; sign in instead.
pub const TAKEN: &str = "taken";
