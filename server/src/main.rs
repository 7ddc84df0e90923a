//! reef
fn main() {}
