//! The WebAssembly that trunk builds. It exports the library's functions, which the shell's script calls once the document is
//! parsed, so nothing happens here.
//!
//! It is a binary, because Cargo does no link-time optimization for a `cdylib` that is an `rlib` too, as the server needs it.

use reef_frontend as _;

fn main() {}
