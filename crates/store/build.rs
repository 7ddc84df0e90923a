//! A new migration file alone must rebuild the binary that carries it.
#![expect(clippy::print_stdout, reason = "this is how a build script speaks")]

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
