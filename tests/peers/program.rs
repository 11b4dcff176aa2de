//! Servers and proxies of other projects, each with a configuration file from `interop/proxies/`.
//!
//! None of them can be given port 0 and say which port it got. So free ports are chosen here, below those that the system
//! hands out by itself, and if the program ends before it accepts connections, it is started again with others.

use crate::common::*;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where Debian installs servers; not every user has it in the path.
const SYSTEM_PROGRAMS: &str = "/usr/sbin";
/// `nobody`, as which the programs run if the tests run as root.
const NOBODY: u32 = 65534;
/// The ports to choose from. The system hands out those from 32768 on.
const PORTS: std::ops::Range<u32> = 10_000..32_000;
const ATTEMPTS: usize = 5;

/// What to run, and with which files. In arguments, variables and files, `@NAME@` stands for a value: `@DIR@` is the
/// program's own directory, `@UID@` and `@GID@` are those it runs with, and each port has a name.
pub(crate) struct Plan {
    program: &'static str,
    arguments: Vec<&'static str>,
    variables: Vec<(&'static str, &'static str)>,
    files: Vec<(&'static str, String)>,
    ports: Vec<(&'static str, Option<u16>)>,
    values: Vec<(&'static str, String)>,
    is_piped: bool,
}

impl Plan {
    pub(crate) fn of(program: &'static str, arguments: &[&'static str]) -> Self {
        let (variables, files, ports, values) = Default::default();
        Self { program, arguments: arguments.to_vec(), variables, files, ports, values, is_piped: false }
    }

    /// A file of `interop/proxies/`.
    pub(crate) fn template(self, name: &'static str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/proxies").join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.file(name, text)
    }

    pub(crate) fn file(mut self, name: &'static str, content: impl Into<String>) -> Self {
        self.files.push((name, content.into()));
        self
    }

    /// The certificate and its key, in the file that these programs expect.
    pub(crate) fn certificate(self, certificate: &Certificate) -> Self {
        self.file("certificate.pem", format!("{}{}", certificate.cert, certificate.key))
    }

    pub(crate) fn port(self, name: &'static str) -> Self {
        self.port_at(name, None)
    }

    /// A port that is free, or that was free for a program that has ended.
    pub(crate) fn port_at(mut self, name: &'static str, port: Option<u16>) -> Self {
        self.ports.push((name, port));
        self
    }

    pub(crate) fn value(mut self, name: &'static str, value: impl ToString) -> Self {
        self.values.push((name, value.to_string()));
        self
    }

    pub(crate) fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    /// Makes the program look up these names, in the form of `/etc/hosts`, and others as always, but not for long.
    pub(crate) fn names(self, hosts: &str) -> Self {
        let plan = self.file("hosts", hosts).variable("LD_PRELOAD", "libnss_wrapper.so");
        plan.variable("NSS_WRAPPER_HOSTS", "@DIR@/hosts").variable("RES_OPTIONS", "timeout:1 attempts:1")
    }

    /// Keeps its standard input and output for [`Program::pipes`].
    pub(crate) fn piped(mut self) -> Self {
        self.is_piped = true;
        self
    }

    /// Starts it. Returns once it accepts connections on all of its ports.
    pub(crate) fn start(self) -> Program {
        let installed = search_path().split(':').any(|directory| Path::new(directory).join(self.program).exists());
        assert!(installed, "{} was not found: .ci/install installs it", self.program);
        let mut said = String::new();
        for _ in 0..ATTEMPTS {
            match self.attempt() {
                Ok(program) => return program,
                Err(output) => said = output,
            }
        }
        panic!("{} did not start, {ATTEMPTS} times; it said:\n{said}", self.program);
    }

    /// One attempt; an error is what it said before it ended.
    fn attempt(&self) -> Result<Program, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let scratch = Scratch::new(&format!("{}-{}", self.program, COUNT.fetch_add(1, Ordering::Relaxed)));
        let own = fs::metadata("/proc/self").unwrap();
        let (user, group) = if own.uid() == 0 { (NOBODY, NOBODY) } else { (own.uid(), own.gid()) };
        chown(scratch.path(""), Some(user), Some(group)).unwrap();

        let ports: Vec<(&'static str, u16)> =
            self.ports.iter().map(|&(name, given)| (name, given.unwrap_or_else(free_port))).collect();
        let mut values = self.values.clone();
        values.push(("DIR", scratch.path("").to_str().unwrap().trim_end_matches('/').to_owned()));
        values.extend([("UID", user.to_string()), ("GID", group.to_string())]);
        values.extend(ports.iter().map(|&(name, port)| (name, port.to_string())));
        for (name, content) in &self.files {
            scratch.write(name, fill_in(content, &values));
        }

        // It is killed together with the thread that starts it, even if that is cut off without being unwound.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if own.uid() == 0 {
            command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()]);
        }
        command.arg(self.program).args(self.arguments.iter().map(|argument| fill_in(argument, &values)));
        command.env("PATH", search_path()).current_dir(scratch.path("")).process_group(0).stdin(Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (name, fill_in(value, &values))));
        let output = File::create(scratch.path("output")).unwrap();
        command.stdout(output.try_clone().unwrap()).stderr(output);
        if self.is_piped {
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
        }
        let process = command.spawn().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));

        let mut program = Program { process, ports, scratch };
        let mut ended = false;
        eventually("the program accepts connections", || {
            ended = program.has_ended();
            ended || program.ports.iter().all(|&(_, port)| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())
        });
        // Somebody else's program may have accepted them, while this one was about to give up.
        if ended || program.has_ended() { Err(program.said()) } else { Ok(program) }
    }
}

fn search_path() -> String {
    format!("{}:{SYSTEM_PROGRAMS}", std::env::var("PATH").unwrap_or_default())
}

fn fill_in(text: &str, values: &[(&'static str, String)]) -> String {
    let text = values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value));
    let name = text.split_once('@').and_then(|(_, rest)| rest.split_once('@'));
    if let Some((name, _)) = name {
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        assert!(!is_name, "nothing is given for @{name}@");
    }
    text
}

fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test programs that run at the same time begin at different places.
    let begin = process::id().wrapping_mul(97);
    loop {
        let number = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % (PORTS.end - PORTS.start);
        let port = u16::try_from(PORTS.start + number).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// A running server or proxy. It ends with the test.
pub(crate) struct Program {
    process: process::Child,
    ports: Vec<(&'static str, u16)>,
    scratch: Scratch,
}

impl Program {
    pub(crate) fn port(&self, name: &str) -> u16 {
        self.ports.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no port {name}")).1
    }

    pub(crate) fn addr(&self, name: &str) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port(name)).into()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.path(name)
    }

    /// What a file in its directory holds by now; nothing if it is not there.
    pub(crate) fn file(&self, name: &str) -> String {
        fs::read(self.path(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Its standard input and output, if they are [piped](Plan::piped).
    pub(crate) fn pipes(&mut self) -> (process::ChildStdin, process::ChildStdout) {
        (self.process.stdin.take().unwrap(), self.process.stdout.take().unwrap())
    }

    /// What it has written to its standard output and error.
    pub(crate) fn said(&self) -> String {
        self.file("output")
    }

    fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // First the helpers that it has started, which are in its group: until it has been waited for, the number of the
        // group cannot be another's.
        let _ = Command::new("sh").args(["-c", &format!("kill -s KILL -- -{}", self.process.id())]).status();
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("-- what the program said:\n{}", self.said());
        }
    }
}
