//! The C ABI of Landline. `include/landline.h` is made from these files, in this order, and is their manual.
//!
//! Nothing here has a behaviour of its own: each function checks its arguments, calls the public Rust interface, and
//! turns what comes back into a status. See ARCHITECTURE.md.

mod args;
mod failure;
mod headers;
mod names;
mod turn;

mod conn;
mod conn_info;
mod conn_recv;
mod conn_send;
mod connect;
mod interrupter;
mod listener;
mod log;
mod message;
mod options;
mod protocol;
mod server;
mod status;
mod transport;
mod version;
mod wait;
mod writer;
