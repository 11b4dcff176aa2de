//! Threads and processes: whether they sleep, what they use, child programs, scratch directories.

use super::{STEP_LIMIT, TEST_LIMIT, eventually, limited};
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A thread whose falling asleep can be observed.
pub(crate) struct Sleeper<T> {
    thread: JoinHandle<T>,
    stat: PathBuf,
}

pub(crate) fn sleeper<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> Sleeper<T> {
    let (send, receive) = mpsc::channel();
    let thread = thread::spawn(move || {
        send.send(std::fs::read_link("/proc/thread-self").unwrap()).unwrap();
        body()
    });
    let stat = Path::new("/proc").join(receive.recv().unwrap()).join("stat");
    Sleeper { thread, stat }
}

impl<T> Sleeper<T> {
    /// Returns once the thread waits for something or has ended.
    pub(crate) fn until_asleep(&self) {
        let mut seen = 0;
        eventually("the thread falls asleep", || {
            let state = std::fs::read_to_string(&self.stat).ok().and_then(|stat| stat_field(&stat, 0));
            seen = if matches!(state.as_deref(), Some("S" | "Z") | None) { seen + 1 } else { 0 };
            seen > 20
        });
    }

    /// How often the thread has gone to sleep.
    pub(crate) fn sleeps(&self) -> u64 {
        sleeps(&self.stat.with_file_name("status"))
    }

    pub(crate) fn join(self) -> T {
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// How often a thread has gone to sleep, of which this is the file `/proc/.../status`.
pub(crate) fn sleeps(status: &Path) -> u64 {
    let status = std::fs::read_to_string(status).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    line.trim().parse().unwrap()
}

/// A field after the name in `/proc/.../stat`; 0 is the state.
fn stat_field(stat: &str, field: usize) -> Option<String> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(field).map(str::to_owned)
}

/// Processor time used so far, to 10 ms. Reading it needs no further descriptor.
pub(crate) struct CpuClock(std::fs::File);

impl CpuClock {
    pub(crate) fn of_this_thread() -> Self {
        Self(std::fs::File::open("/proc/thread-self/stat").unwrap())
    }

    pub(crate) fn of_process() -> Self {
        Self(std::fs::File::open("/proc/self/stat").unwrap())
    }

    pub(crate) fn read(&mut self) -> Duration {
        let mut stat = String::new();
        self.0.seek(io::SeekFrom::Start(0)).unwrap();
        self.0.read_to_string(&mut stat).unwrap();
        let ticks = |field| stat_field(&stat, field).unwrap().parse::<u64>().unwrap();
        // 100 per second, regardless of the kernel's own clock (proc(5), time(7)).
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }
}

/// The numbers of threads and descriptors of this process.
pub(crate) fn threads_and_descriptors() -> (usize, usize) {
    let count = |place: &str| std::fs::read_dir(place).unwrap().count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

/// Runs the test `name` (with its modules) in a process of its own, because other tests in the process would disturb
/// it. `before` is shell text that is run first.
pub(crate) fn alone(name: &str, before: &str, body: impl FnOnce() + Send + 'static) {
    const MARK: &str = "LANDLINE_TEST_ALONE";
    if std::env::var(MARK).is_ok_and(|alone| alone == name) {
        return limited(body);
    }
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{before} exec \"$0\" \"$@\"")).arg(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(MARK, name);
    let (status, output) = run(&mut command, TEST_LIMIT + STEP_LIMIT);
    assert!(status.success() && output.contains("1 passed"), "{name} alone failed:\n{output}");
}

/// Runs a program until it exits, and returns its status and output.
pub(crate) fn run(command: &mut Command, limit: Duration) -> (process::ExitStatus, String) {
    let mut child = Child::start(command.stdin(Stdio::null()));
    let output = child.output(limit);
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.process.try_wait().unwrap() {
            return (status, output);
        }
        assert!(Instant::now() < deadline, "{command:?} does not end; it said:\n{output}");
        thread::yield_now();
    }
}

/// An example program. Cargo builds them for `cargo test`, but not for a single test file.
pub(crate) fn example(name: &str) -> Command {
    built(&format!("examples/{name}"), "cargo build --examples")
}

/// The program `wscat`, which is a package of its own.
pub(crate) fn wscat() -> Command {
    built("wscat", "cargo build -p wscat")
}

/// A program in the directory where this test was built.
fn built(name: &str, by: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join(name);
    assert!(program.exists(), "{} is missing: run `{by}`", program.display());
    let mut command = Command::new(program);
    // Those of whoever runs the tests lead elsewhere.
    for name in ["ws_proxy", "wss_proxy", "http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command
}

/// A program that is ended with the test.
pub(crate) struct Child {
    pub(crate) process: process::Child,
    lines: mpsc::Receiver<String>,
}

impl Child {
    /// Starts it. Its standard output and error can be read line by line.
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut process = child.unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let (send, lines) = mpsc::channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(process.stdout.take().unwrap()), Box::new(process.stderr.take().unwrap())];
        for output in outputs {
            let send = send.clone();
            thread::spawn(move || {
                let mut output = BufReader::new(output);
                let mut line = Vec::new();
                while output.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                    if send.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                        return;
                    }
                    line.clear();
                }
            });
        }
        Self { process, lines }
    }

    /// The next line that `wanted` accepts.
    pub(crate) fn line(&self, mut wanted: impl FnMut(&str) -> bool) -> String {
        let deadline = Instant::now() + STEP_LIMIT;
        let mut others = String::new();
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if wanted(&line) => return line,
                Ok(line) => others = others + &line + "\n",
                Err(error) => panic!("the program did not say what it should ({error}), but this:\n{others}"),
            }
        }
    }

    /// The rest of its output.
    pub(crate) fn output(&mut self, limit: Duration) -> String {
        let deadline = Instant::now() + limit;
        let mut output = String::new();
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => output = output + &line + "\n",
                Err(mpsc::RecvTimeoutError::Disconnected) => return output,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("the program hangs; it said:\n{output}"),
            }
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A directory that is removed with the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        // Short, because names of Unix sockets have to be.
        let path = std::env::temp_dir().join(format!("landline-{}-{name}", process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
