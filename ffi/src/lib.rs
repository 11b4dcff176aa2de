//! The C ABI of Landline. `include/landline.h` is generated from the documentation in these files; `ffi/sections.txt`
//! gives the order of its sections.
//!
//! Nothing here has behaviour of its own: each function checks its arguments, calls the public Rust interface, and
//! turns the result into a status. See ARCHITECTURE.md, and CONTRIBUTING.md for the conventions of the ABI.

mod accept;
mod address;
mod args;
mod callback;
mod close_codes;
mod conn;
mod conn_close;
mod conn_control;
mod conn_detach;
mod conn_info;
mod conn_ping;
mod conn_recv;
mod conn_send;
mod conn_try_send;
mod connect;
mod connect_over;
mod cookies;
mod dialling;
mod failure;
mod headers;
mod interrupter;
mod last_error;
mod listener;
mod log;
mod message;
mod names;
mod options;
mod options_http;
mod options_proxy;
mod options_session;
mod options_tls;
mod protocol;
mod protocol_request;
mod protocol_send;
mod proxy_values;
mod request;
mod request_texts;
mod server;
mod session;
mod session_callbacks;
mod session_info;
mod session_send;
mod socket;
mod status;
mod tls;
mod tls_reason;
mod tls_values;
mod transport;
mod turn;
mod values;
mod version;
mod wait;
mod writer;
