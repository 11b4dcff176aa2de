//! The same proxies from C, C++, Python and `wscat`, given by option and by the environment. The programs are those in
//! `interop/proxies/`; they need the C library: `cargo build --release -p landline-ffi`.

use crate::common::*;
use crate::program::*;
use crate::proxies::*;
use crate::talk::*;
use landline::Server;
use std::ffi::OsStr;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Language {
    C,
    Cpp,
    Python,
    Wscat,
}

use Language::{C, Cpp, Python, Wscat};

/// A client, built, with what it needs.
struct Client {
    language: Language,
    program: PathBuf,
    scratch: Scratch,
}

/// What a client did.
struct Outcome {
    succeeded: bool,
    said: String,
}

impl Client {
    /// For servers and proxies whose certificates this authority has issued.
    fn build(language: Language, ca: &Ca) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let scratch = Scratch::new(&format!("{language:?}{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        scratch.write("ca.pem", ca.pem());
        let program = match language {
            C => compile(&scratch, "cc", "c99", "talk.c"),
            Cpp => compile(&scratch, "c++", "c++17", "talk.cpp"),
            Python => root().join("interop/proxies/talk.py"),
            Wscat => PathBuf::new(),
        };
        Self { language, program, scratch }
    }

    fn command(&self, url: &str, proxies: &[&str]) -> Command {
        let ca = self.scratch.path("ca.pem");
        let mut command = match self.language {
            C | Cpp => Command::new(&self.program),
            Python => {
                let mut command = Command::new("python3");
                command.env("PYTHONPATH", root().join("ffi/python")).env("LANDLINE_LIBRARY", library());
                command.env("PYTHONDONTWRITEBYTECODE", "1").arg(&self.program);
                command
            }
            Wscat => wscat(),
        };
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().to_lowercase().ends_with("_proxy") {
                command.env_remove(name);
            }
        }
        command.env("LD_LIBRARY_PATH", library().parent().unwrap());
        if self.language == Wscat {
            for proxy in proxies {
                command.args(["--proxy", proxy]);
            }
            if url.starts_with("wss:") {
                command.arg("--cacert").arg(ca);
            }
            command.arg(url);
        } else {
            command.arg(ca).arg(url).args(proxies);
        }
        command
    }

    fn run(&self, mut command: Command) -> Outcome {
        let mut child = Child::start(command.stdin(Stdio::piped()));
        // `wscat` sends this; the others have ended their input.
        let _ = child.process.stdin.take().unwrap().write_all(b"hello\n");
        let said = child.output(LIMIT);
        Outcome { succeeded: child.process.wait().unwrap().success(), said }
    }

    /// Has a word echoed.
    fn talks(&self, command: Command, server: &Reporting) {
        let outcome = self.run(command);
        let expected = if self.language == Wscat { "hello\n" } else { "received hello\n" };
        assert!(outcome.succeeded && outcome.said == expected, "{:?}: {}", self.language, outcome.said);
        let seen = server.seen();
        assert!(seen.info.clean, "{:?}: {:?}", self.language, seen.result);
    }

    /// Fails because of the proxy: what it says.
    fn is_refused(&self, url: &str, proxies: &[&str]) -> String {
        let Outcome { succeeded, said } = self.run(self.command(url, proxies));
        let begin = match self.language {
            C | Cpp => "error LANDLINE_ERR_PROXY: cannot connect to ",
            Python => "error ProxyError: cannot connect to ",
            Wscat => "error: cannot connect to ",
        };
        assert!(!succeeded && said.starts_with(begin), "{:?}: {said}", self.language);
        assert!(!said.contains(PASSWORD), "{said}");
        said
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn library() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    let library = root().join(target).join("release/liblandline.so");
    assert!(library.exists(), "{} is missing: run `cargo build --release -p landline-ffi`", library.display());
    library
}

fn compile(scratch: &Scratch, compiler: &str, standard: &str, source: &str) -> PathBuf {
    let program = scratch.path("talk");
    let mut command = Command::new(compiler);
    command.arg(format!("-std={standard}")).args(["-Wall", "-Wextra", "-Werror", "-I"]).arg(root().join("include"));
    command.arg(root().join("interop/proxies").join(source)).arg("-L").arg(library().parent().unwrap());
    command.args([OsStr::new("-llandline"), OsStr::new("-o"), program.as_os_str()]);
    let (status, output) = run(&mut command, LIMIT);
    assert!(status.success(), "{command:?}: {output}");
    program
}

/// Runs a test with the clients of all languages.
fn with_all(body: impl Fn(&[Client], &Servers) + Send + 'static) {
    limited(move || {
        let servers = Servers::start();
        let clients = [C, Cpp, Python, Wscat].map(|language| Client::build(language, &servers.ca));
        body(&clients, &servers);
    });
}

/// The URL of squid's port that speaks TLS.
fn https(squid: &Program) -> String {
    format!("https://{USER}:{PASSWORD}@localhost:{}", squid.port("TLS"))
}

#[test]
#[ignore = "needs .ci/install and the C library"]
fn each_language_gets_through_proxies() {
    with_all(|clients, servers| {
        let (tinyproxy, squid, dante) =
            (tinyproxy(), squid(&["digest"], &servers.certificate()), dante("username"));
        let (near, far) = (with_password("http", &tinyproxy), with_password("http", &squid));
        let (https, socks) = (https(&squid), with_password("socks5h", &dante));
        for client in clients {
            client.talks(client.command(&servers.url(), &[&near]), &servers.plain);
            for proxies in [&[&*near][..], &[&far], &[&socks], &[&near, &far], &[&far, &socks], &[&https]] {
                // It trusts what the platform does.
                let cannot = client.language == Wscat && proxies == [&*https];
                if !cannot {
                    client.talks(client.command(&servers.tls_url(), proxies), &servers.tls);
                }
            }
        }
    });
}

#[test]
#[ignore = "needs .ci/install and the C library"]
fn each_language_takes_proxies_from_the_environment() {
    with_all(|clients, servers| {
        let (tinyproxy, dante) = (tinyproxy(), dante("username"));
        let (near, socks, dead) =
            (with_password("http", &tinyproxy), with_password("socks5h", &dante), "http://127.0.0.1:1");
        for client in clients {
            // Names that only the proxies know.
            let mut plain = client.command(&servers.url(), &[]);
            plain.env("http_proxy", &near).env("https_proxy", dead);
            client.talks(plain, &servers.plain);
            let mut tls = client.command(&servers.tls_url(), &[]);
            tls.env("HTTPS_PROXY", &socks).env("http_proxy", dead).env("no_proxy", "elsewhere.test");
            client.talks(tls, &servers.tls);
            let mut direct = client.command(&servers.local_url(), &[]);
            direct.env("all_proxy", dead).env("no_proxy", "elsewhere.test, localhost");
            client.talks(direct, &servers.plain);
        }
    });
}

#[test]
#[ignore = "needs .ci/install and the C library"]
fn each_language_tells_what_the_proxy_said() {
    with_all(|clients, servers| {
        let (tinyproxy, dante) = (tinyproxy(), dante("username"));
        let (http, socks) = (with_password("http", &tinyproxy), with_password("socks5h", &dante));
        for (proxy, url, said) in [
            (http.replace(PASSWORD, "wrong"), servers.url(), "refused with 401 Unauthorized: it wants credentials"),
            (without_password("http", &tinyproxy), servers.url(), "refused with 407 Proxy Authentication Required"),
            (http.clone(), servers.forbidden_url(), "403 Filtered: its rules do not allow this host or port"),
            (socks.replace(PASSWORD, "wrong"), servers.tls_url(), "does not accept the user and password"),
            (socks.clone(), servers.forbidden_url(), "SOCKS5 reply 2: its rules do not allow this host or port"),
        ] {
            for client in clients {
                let told = client.is_refused(&url, &[&proxy]);
                assert!(told.contains(said), "{:?}: {told}", client.language);
            }
        }
        servers.plain.saw_nothing();
        servers.tls.saw_nothing();
    });
}

/// A name that has two addresses, of which the first one does not answer.
#[test]
#[ignore = "needs .ci/install and the C library"]
fn each_language_passes_over_an_address_that_does_not_answer() {
    with_all(|clients, _| {
        let (_sockets, hole) = unresponsive();
        let good = SocketAddr::from(([127, 0, 0, 2], hole.port()));
        let server = Reporting::start_at(good, Server::builder());
        for client in clients {
            // Names without a dot, since one call looks up both families of them: nss_wrapper sometimes fails when two
            // threads make it read its file at the same time.
            let hosts = "127.0.0.1 both\n127.0.0.2 both\n127.0.0.2 good\n";
            let hosts = client.scratch.write("hosts", hosts);
            let talks = |name: &str| {
                let mut command = client.command(&format!("ws://{name}:{}/", hole.port()), &[]);
                command.env("LD_PRELOAD", "libnss_wrapper.so").env("NSS_WRAPPER_HOSTS", &hosts);
                timed(|| client.talks(command, &server)).0
            };
            // What everything else takes.
            let without = talks("good");
            let with = talks("both");
            assert!(
                with >= Duration::from_millis(240),
                "{:?} did not try the first one: {with:?}",
                client.language
            );
            assert!(with < without + Duration::from_millis(600), "{:?}: {with:?}, {without:?}", client.language);
        }
    });
}
