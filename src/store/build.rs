//! Builds the crate again when a migration is added: `sqlx::migrate!` only notices changed files by itself.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
